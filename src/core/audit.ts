import type { AuditAck, Receipt } from "./decision.ts";
import type { StileError } from "./errors.ts";

/** CloudEvents types of the records. */
export type AuditType =
  | "stile.decision.v1"
  | "stile.step_up.v1"
  | "stile.factor.v1"
  | "stile.bundle.v1"
  | "stile.lifecycle.v1"
  | "stile.checkpoint.v1";

/** What a room wants recorded. */
export interface AuditDraft {
  /** Unique; consumers drop duplicates by it. For decisions, the decision id. */
  readonly id: string;
  readonly type: AuditType;
  /** ms since the Unix epoch. */
  readonly timeMs: number;
  /** `type:id` of the subject: the key of the Kafka message, so one subject's records keep order. */
  readonly subject: string;
  /** JSON text of the record's own members, without the braces: `"outcome":"allow",…`. */
  readonly members: string;
}

/**
 * A record as the journal keeps it and the topic carries it. `body` is the text of one JSON
 * object: `id`, `type`, `time`, `subject`, `instance`, `sequence`, `prev` (hash of the record
 * before, hex), then the draft's members.
 */
export interface AuditEntry {
  /** Whose trail it is. */
  readonly instance: string;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly subject: string;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Called once, never during `append`: with the receipt, or with why nothing was recorded. */
export type Recorded = (outcome: Receipt | StileError) => void;

/** Takes records, in order. */
export interface AuditTrail {
  /**
   * Numbers and chains the record, writes it to the journal with all others of this turn of the
   * event loop, and calls back once it is as safe as `ack` asks, or as the configuration asks
   * where that is more. An error (`audit_unavailable`) means that the record is not as safe as that:
   * with `journal` it is not in the trail; with the others it may be, and then says more than the
   * answer, which is a denial.
   */
  append(draft: AuditDraft, ack: AuditAck, recorded: Recorded): void;
}

/** Where the trail is published. */
export interface AuditSink {
  /**
   * Publishes a batch in order. Resends the very same batch until every record is acknowledged,
   * however long the other side is away; it rejects only once `signal` aborts.
   */
  publish(batch: readonly AuditEntry[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A record as a journal, an export or the topic gives it, not yet looked at. */
export interface SourceRecord {
  /** The bytes of the record's JSON text; who keeps it longer than the next record copies it. */
  readonly body: Buffer;
  /** Within a lane the records of one instance are in order: the journal, a file, a partition. */
  readonly lane: string;
  /** Where in the lane: a sequence, a line, an offset. */
  readonly offset: number | string;
}
