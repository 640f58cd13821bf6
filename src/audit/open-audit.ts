import path from "node:path";
import type { AuditEntry, AuditSink, AuditTrail } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import type { AuditAck } from "../core/decision.ts";
import type { Log, Meter } from "../core/telemetry.ts";
import { newInstance, readInstance, writeInstance } from "./instance.ts";
import { Journal, type JournalEnd } from "./journal.ts";
import { type JournalDamage, JournalReader } from "./journal-reader.ts";
import { JournalTrail } from "./journal-trail.ts";
import { Publisher, type PublisherStatus } from "./publisher.ts";
import { ShippedPosition } from "./shipped-position.ts";

export interface AuditOptions {
  /** Of one process: see `lockDirectory`. The journal is its folder `journal`. */
  readonly dataDir: string;
  /** The least safety of every record. */
  readonly ack: AuditAck;
  /** Where the trail is published; undefined keeps it here only. The caller closes it. */
  readonly sink: AuditSink | undefined;
  /** The journal, all segments together. With a sink, a full one refuses records. */
  readonly bytesMax: number;
  readonly segmentBytesMax?: number;
  /** Published records kept for local reading. */
  readonly shippedBytesKept?: number;
  readonly waitingMax?: number;
  readonly lingerMs?: number;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
}

/** How the trail stands, for readiness and the operator. */
export interface AuditStatus {
  readonly instance: string;
  /** Sequence of the last record. */
  readonly sequence: number;
  /** Its SHA-256, 64 hex digits; zeros where there is none. */
  readonly hash: string;
  readonly journalBytes: number;
  readonly journalBytesMax: number;
  /** undefined where nothing is published. */
  readonly publisher: PublisherStatus | undefined;
}

export interface TailOptions {
  /** How many of the records that are there to begin with. */
  readonly last: number;
  /** Go on as records are written, until `signal` aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** The audit trail of one process. */
export interface Audit {
  readonly trail: AuditTrail;
  status(): AuditStatus;
  /** Reads records in order. Ends at the present end, or with `signal` where it follows. */
  tail(options: TailOptions): AsyncGenerator<readonly AuditEntry[], void, void>;
  /**
   * Takes no more records, makes durable what is there, and publishes what it can within
   * `deadlineMs`. Records not published are published after the next start.
   */
  close(deadlineMs: number): Promise<void>;
}

export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SHIPPED_BYTES_KEPT = 256 * 1024 * 1024;
const WAITING_MAX = 100_000;
const LINGER_MS = 25;

/**
 * Opens the audit trail of a data directory, which the caller holds with `lockDirectory`.
 *
 * @throws StileError `audit_unavailable` or `invalid_config`.
 */
export function openAudit(options: AuditOptions): Audit {
  const { sink, log, meter, clock } = options;
  const folder = path.join(options.dataDir, "journal");
  const dropped = meter.counter(
    "stile_audit_dropped_total",
    "Audit records dropped from a full journal that is not published.",
  );
  const damaged = meter.counter("stile_audit_damage_total", "Damaged places in the audit journal.");
  const journal = new Journal({
    folder,
    newInstance,
    segmentBytesMax: options.segmentBytesMax ?? SEGMENT_BYTES_MAX,
    bytesMax: options.bytesMax,
    keepUnshipped: sink !== undefined,
    shippedBytesKept: options.shippedBytesKept ?? SHIPPED_BYTES_KEPT,
    onDropped: (_segment, records) => dropped.add(records),
  });
  nameInstance(options.dataDir, journal.instance);
  tellRecovery(journal, log, meter);

  const position = new ShippedPosition({
    folder,
    instance: journal.instance,
    lastSequence: journal.head.sequence,
    log,
  });
  const readerFrom = (from: number): JournalReader =>
    new JournalReader({
      folder,
      from,
      end: () => journal.end,
      onDamage: (damage) => {
        damaged.add(1);
        tellDamage(log, damage);
      },
    });
  const readers = new Set<() => void>();
  const trail = new JournalTrail({
    journal,
    ack: options.ack,
    published: sink !== undefined,
    waitingMax: options.waitingMax ?? WAITING_MAX,
    onWritten(urgent) {
      publisher?.written(urgent);
      for (const wake of readers) wake();
    },
    log,
    meter,
  });
  const publisher =
    sink === undefined
      ? undefined
      : new Publisher({
          reader: readerFrom(position.sequence + 1),
          sink,
          shippedSequence: position.sequence,
          end: () => journal.end,
          onShipped(sequence) {
            position.advance(sequence);
            journal.shipped(sequence);
            trail.published(sequence);
          },
          lingerMs: options.lingerMs ?? LINGER_MS,
          log,
          meter,
          clock,
        });
  publisher?.start();

  return {
    trail,
    status: () => ({
      instance: journal.instance,
      sequence: journal.head.sequence,
      hash: journal.head.hash,
      journalBytes: journal.bytes,
      journalBytesMax: options.bytesMax,
      publisher: publisher?.status(),
    }),
    tail: (tail) => tailOf(tail, journal.end, readerFrom, readers),
    async close(deadlineMs) {
      await trail.flush();
      await publisher?.close(deadlineMs);
      trail.giveUp();
      await position.save();
      journal.close();
    },
  };
}

async function* tailOf(
  options: TailOptions,
  end: JournalEnd,
  readerFrom: (from: number) => JournalReader,
  readers: Set<() => void>,
): AsyncGenerator<readonly AuditEntry[], void, void> {
  const reader = readerFrom(Math.max(1, end.sequence - options.last + 1));
  const news = createNews();
  readers.add(news.tell);
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  signal.addEventListener("abort", news.tell);
  try {
    if (!options.follow && reader.next > end.sequence) return;
    for await (const entries of reader.follow(signal, news.heard)) {
      yield options.follow ? entries : entries.filter((entry) => entry.sequence <= end.sequence);
      // Without following, the tail ends with the records that were there when it began.
      if (!options.follow && reader.next > end.sequence) over.abort();
    }
  } finally {
    readers.delete(news.tell);
    await reader.close();
  }
}

/** Lets one reader wait for news, and remembers news that came while it did not wait. */
function createNews(): { readonly tell: () => void; readonly heard: () => Promise<void> } {
  let isNew = false;
  let wake: () => void = () => undefined;
  return {
    tell() {
      isNew = true;
      wake();
    },
    async heard() {
      if (!isNew) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      isNew = false;
    },
  };
}

/** The journal knows whose it is; the file tells people and programs without opening it. */
function nameInstance(dataDir: string, instance: string): void {
  if (readInstance(dataDir) !== instance) writeInstance(dataDir, instance);
}

function tellRecovery(journal: Journal, log: Log, meter: Meter): void {
  const { tornBytes, damagedAt } = journal.recovered;
  if (tornBytes > 0) log.warn("audit_journal_repaired", { tornBytes });
  meter
    .counter(
      "stile_audit_torn_bytes_total",
      "Bytes of unfinished writes cut off the audit journal.",
    )
    .add(tornBytes);
  if (damagedAt !== undefined) tellDamage(log, damagedAt);
}

function tellDamage(log: Log, damage: JournalDamage): void {
  log.error("audit_journal_damaged", {
    segment: damage.path,
    offset: damage.offset,
    resumesAt: damage.resumesAt,
  });
}
