import type { AuditDraft, AuditTrail, Recorded } from "../core/audit.ts";
import type { AuditAck, Receipt } from "../core/decision.ts";
import { asStileError, describeError, StileError } from "../core/errors.ts";
import type { Counter, Gauge, Log, Meter } from "../core/telemetry.ts";
import type { Journal } from "./journal.ts";
import { RecordBatch } from "./record-batch.ts";

export interface JournalTrailOptions {
  readonly journal: Journal;
  /** The least safety of every record. */
  readonly ack: AuditAck;
  /** Whether records are published; without, the level `kafka` cannot be had. */
  readonly published: boolean;
  /** Records that may wait for their callback at once. */
  readonly waitingMax: number;
  /** Told after each write; `urgent` when somebody waits for the brokers. */
  readonly onWritten: (urgent: boolean) => void;
  readonly log: Log;
  readonly meter: Meter;
}

const LEVELS: Readonly<Record<AuditAck, number>> = { journal: 0, synced: 1, kafka: 2 };

/** Bytes gathered before they are written without waiting for the end of the turn. */
const BATCH_BYTES = 1024 * 1024;

interface Pending {
  readonly recorded: Recorded;
  readonly ack: AuditAck;
  outcome: Receipt | StileError;
}

interface Waiting {
  readonly recorded: Recorded;
  readonly receipt: Receipt;
}

/**
 * The trail of one instance. Records of one turn of the event loop go to the operating system in
 * one write; those that ask for more then wait for the disk or for the brokers.
 */
export class JournalTrail implements AuditTrail {
  readonly #options: JournalTrailOptions;
  readonly #journal: Journal;
  readonly #batch: RecordBatch;
  /** Of this turn, in order. */
  #pending: Pending[] = [];
  /** Index in `#pending` of the first record of the batch. */
  #batchFrom = 0;
  #turnEnd: NodeJS.Immediate | undefined;
  #forDisk: Waiting[] = [];
  #forBrokers: Waiting[] = [];
  #publishedSequence = 0;
  #syncing = false;
  #whenSynced: (() => void) | undefined;
  #closed = false;
  readonly #appended: Counter;
  readonly #refused: Counter;
  readonly #journalBytes: Gauge;

  constructor(options: JournalTrailOptions) {
    const { journal, meter } = options;
    this.#options = options;
    this.#journal = journal;
    this.#batch = new RecordBatch({
      instance: journal.instance,
      head: journal.head,
      capacityBytes: BATCH_BYTES,
    });
    this.#appended = meter.counter("stile_audit_records_total", "Records in the audit trail.");
    this.#refused = meter.counter(
      "stile_audit_refused_total",
      "Records that the audit trail could not take.",
    );
    this.#journalBytes = meter.gauge("stile_audit_journal_bytes", "Size of the audit journal.");
    this.#journalBytes.set(journal.bytes);
  }

  append(draft: AuditDraft, ack: AuditAck, recorded: Recorded): void {
    const level = LEVELS[ack] > LEVELS[this.#options.ack] ? ack : this.#options.ack;
    this.#pending.push({ recorded, ack: level, outcome: this.#take(draft, level) });
    this.#turnEnd ??= setImmediate(() => this.#endTurn());
  }

  /** The brokers have all records up to a sequence. */
  published(sequence: number): void {
    this.#publishedSequence = sequence;
    const waiting = this.#forBrokers;
    let count = 0;
    while (count < waiting.length && (waiting[count]?.receipt.sequence ?? 0) <= sequence)
      count += 1;
    if (count > 0) this.#forBrokers = waiting.slice(count);
    this.#tell(waiting.slice(0, count));
  }

  /** Whether somebody waits for the brokers. */
  get urgent(): boolean {
    return this.#forBrokers.length > 0;
  }

  /** Writes what was gathered, refuses what comes after, and waits until all is on disk. */
  async flush(): Promise<void> {
    this.#closed = true;
    if (this.#turnEnd !== undefined) {
      clearImmediate(this.#turnEnd);
      this.#endTurn();
    }
    await new Promise<void>((resolve) => {
      this.#whenSynced = resolve;
      if (!this.#syncing) this.#sync();
    });
  }

  /** Gives up on the brokers: what still waits for them gets an error. */
  giveUp(): void {
    const given = new StileError(
      "audit_unavailable",
      "the record is in the journal, but the server ended before the brokers had it",
    );
    for (const { recorded } of this.#forBrokers.splice(0)) this.#call(recorded, given);
  }

  #take(draft: AuditDraft, level: AuditAck): Receipt | StileError {
    const refusal = this.#refusal(level);
    if (refusal !== undefined) return refusal;
    try {
      if (!this.#batch.fits(draft)) this.#write();
      return this.#batch.add(draft);
    } catch (thrown) {
      return asStileError(thrown, "audit_unavailable", "encode an audit record");
    }
  }

  #refusal(level: AuditAck): StileError | undefined {
    if (this.#closed) return new StileError("audit_unavailable", "the audit trail is closed");
    if (level === "kafka" && !this.#options.published) {
      return new StileError(
        "audit_unavailable",
        'this record must reach the brokers (audit level "kafka"), but no Kafka is configured',
      );
    }
    const waiting = this.#pending.length + this.#forDisk.length + this.#forBrokers.length;
    if (waiting < this.#options.waitingMax) return undefined;
    return new StileError("audit_unavailable", `${waiting} records wait to be recorded already`);
  }

  #endTurn(): void {
    this.#turnEnd = undefined;
    this.#write();
    const pending = this.#pending;
    this.#pending = [];
    this.#batchFrom = 0;
    let recorded = 0;
    for (const { ack, outcome, recorded: callback } of pending) {
      if (outcome instanceof StileError) {
        this.#call(callback, outcome);
        continue;
      }
      recorded += 1;
      const published = outcome.sequence <= this.#publishedSequence;
      if (ack === "journal" || published) this.#call(callback, outcome);
      else if (ack === "synced") this.#forDisk.push({ recorded: callback, receipt: outcome });
      else this.#forBrokers.push({ recorded: callback, receipt: outcome });
    }
    if (recorded > 0) this.#appended.add(recorded);
    if (recorded < pending.length) this.#refused.add(pending.length - recorded);
    this.#journalBytes.set(this.#journal.bytes);
    if (!this.#syncing && (this.#forDisk.length > 0 || this.#journal.unsyncedSegments > 0)) {
      this.#sync();
    }
    if (recorded > 0) this.#options.onWritten(this.urgent);
  }

  /** Writes the batch. Where that fails, all its records are refused and their numbers free. */
  #write(): void {
    if (this.#batch.count > 0) {
      try {
        this.#journal.append(this.#batch.bytes, this.#batch.head);
        this.#batch.commit();
      } catch (thrown) {
        this.#batch.rewind();
        this.#refuseBatch(asStileError(thrown, "audit_unavailable", "write to the journal"));
      }
    }
    this.#batchFrom = this.#pending.length;
  }

  #refuseBatch(error: StileError): void {
    this.#options.log.error("audit_write_failed", { error: describeError(error) });
    for (const pending of this.#pending.slice(this.#batchFrom)) {
      if (!(pending.outcome instanceof StileError)) pending.outcome = error;
    }
  }

  /**
   * Makes durable what was written so far. Records that come meanwhile wait for the next run: the
   * running one is the window in which a group gathers.
   */
  #sync(): void {
    const group = this.#forDisk;
    this.#forDisk = [];
    this.#syncing = true;
    this.#journal.sync((error) => {
      this.#syncing = false;
      if (error === null) this.#tell(group);
      else this.#syncFailed(group, error);
      if (this.#forDisk.length > 0) {
        this.#sync();
      } else {
        this.#whenSynced?.();
      }
    });
  }

  /** The operating system forgets which pages it could not write, so the segment is left. */
  #syncFailed(group: readonly Waiting[], cause: Error): void {
    const error = new StileError("audit_unavailable", "make the journal durable", { cause });
    this.#options.log.error("audit_sync_failed", { error: describeError(error) });
    this.#refused.add(group.length);
    for (const { recorded } of group) this.#call(recorded, error);
    try {
      this.#journal.abandonSegment();
    } catch (thrown) {
      this.#options.log.error("audit_write_failed", { error: describeError(thrown) });
    }
  }

  #tell(group: readonly Waiting[]): void {
    for (const { recorded, receipt } of group) this.#call(recorded, receipt);
  }

  /** One caller's fault must not keep the others from their answers. */
  #call(recorded: Recorded, outcome: Receipt | StileError): void {
    try {
      recorded(outcome);
    } catch (thrown) {
      this.#options.log.error("audit_callback_failed", { error: describeError(thrown) });
    }
  }
}
