import { setTimeout as sleep } from "node:timers/promises";
import type { AuditEntry, AuditSink } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Counter, Gauge, Log, Meter } from "../core/telemetry.ts";
import type { JournalEnd } from "./journal.ts";
import type { JournalReader } from "./journal-reader.ts";

export interface PublisherOptions {
  /** Begins behind the position. */
  readonly reader: JournalReader;
  readonly sink: AuditSink;
  /** The last record that the brokers are known to have. */
  readonly shippedSequence: number;
  readonly end: () => JournalEnd;
  /** Told when the brokers have all records up to a sequence. */
  readonly onShipped: (sequence: number) => void;
  /**
   * How long records gather before a batch goes out, when nobody waits for the brokers. A batch
   * costs about as much as thirty records in it.
   */
  readonly lingerMs: number;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
}

/** How publishing stands, for readiness and the operator. */
export interface PublisherStatus {
  /** Records of the journal that the brokers do not have. */
  readonly unshippedRecords: number;
  readonly shippedSequence: number;
  /** ms since the Unix epoch; 0 before the first batch. */
  readonly lastShippedMs: number;
  /** When the batch on its way was first sent; undefined when none is. */
  readonly waitingSinceMs: number | undefined;
}

const BATCH_RECORDS = 500;
/** Frames of a batch. Kafka refuses batches over 1 MiB, and headers come on top. */
const BATCH_BYTES = 768 * 1024;
const RETRY_MS = 1000;

/** Brings the journal to the sink, in order, one batch at a time, off the path of decisions. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #stop = new AbortController();
  #shippedSequence: number;
  #lastShippedMs = 0;
  #waitingSinceMs: number | undefined;
  #urgent = false;
  #draining = false;
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  readonly #published: Counter;
  readonly #publishedBytes: Counter;
  readonly #unshipped: Gauge;
  readonly #lastShipped: Gauge;

  constructor(options: PublisherOptions) {
    const { meter } = options;
    this.#options = options;
    this.#shippedSequence = options.shippedSequence;
    this.#published = meter.counter(
      "stile_audit_published_total",
      "Audit records acknowledged by the brokers.",
    );
    this.#publishedBytes = meter.counter(
      "stile_audit_published_bytes_total",
      "Bytes of audit records acknowledged by the brokers.",
    );
    this.#unshipped = meter.gauge(
      "stile_audit_unpublished_records",
      "Audit records in the journal that the brokers do not have.",
    );
    this.#lastShipped = meter.gauge(
      "stile_audit_last_published_timestamp_seconds",
      "When the brokers last acknowledged audit records, in seconds since the Unix epoch.",
    );
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There are new records. `urgent` sends them without gathering more. */
  written(urgent: boolean): void {
    this.#unshipped.set(this.#unshippedRecords());
    this.#urgent ||= urgent;
    this.#wake();
  }

  status(): PublisherStatus {
    return {
      unshippedRecords: this.#unshippedRecords(),
      shippedSequence: this.#shippedSequence,
      lastShippedMs: this.#lastShippedMs,
      waitingSinceMs: this.#waitingSinceMs,
    };
  }

  /** Goes on until all is published or the time is over, then stops. */
  async close(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#wake();
    const timer = setTimeout(() => {
      this.#stop.abort();
      this.#wake();
    }, deadlineMs);
    await this.#running;
    clearTimeout(timer);
    this.#stop.abort();
    await this.#options.reader.close();
  }

  async #run(): Promise<void> {
    let ahead = this.#read();
    while (!this.#stop.signal.aborted) {
      const batch = await ahead;
      if (batch.length === 0) {
        if (this.#draining && !this.#hasMore()) return;
        await this.#untilWritten();
        ahead = this.#read();
        continue;
      }
      // Read while the batch is on its way.
      ahead = this.#read();
      await this.#publish(batch);
    }
  }

  /** Reading can fail only for a reason that may pass, such as a disk that does not answer. */
  async #read(): Promise<readonly AuditEntry[]> {
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#options.reader.read(BATCH_RECORDS, BATCH_BYTES);
      } catch (thrown) {
        this.#options.log.error("audit_journal_unreadable", { error: describeError(thrown) });
        await this.#pause(RETRY_MS);
      }
    }
    return [];
  }

  async #publish(batch: readonly AuditEntry[]): Promise<void> {
    const { sink, clock, log, onShipped } = this.#options;
    this.#waitingSinceMs = clock.nowMs();
    while (!this.#stop.signal.aborted) {
      try {
        await sink.publish(batch, this.#stop.signal);
      } catch (thrown) {
        if (!this.#stop.signal.aborted) {
          log.error("audit_publish_failed", { error: describeError(thrown) });
          await this.#pause(RETRY_MS);
        }
        continue;
      }
      this.#waitingSinceMs = undefined;
      this.#shippedSequence = batch.at(-1)?.sequence ?? this.#shippedSequence;
      this.#lastShippedMs = clock.nowMs();
      this.#measure(batch);
      onShipped(this.#shippedSequence);
      return;
    }
  }

  #measure(batch: readonly AuditEntry[]): void {
    let bytes = 0;
    for (const entry of batch) bytes += entry.body.length;
    this.#published.add(batch.length);
    this.#publishedBytes.add(bytes);
    this.#unshipped.set(this.#unshippedRecords());
    this.#lastShipped.set(this.#lastShippedMs / 1000);
  }

  #unshippedRecords(): number {
    return Math.max(0, this.#options.end().sequence - this.#shippedSequence);
  }

  #hasMore(): boolean {
    return this.#options.reader.next <= this.#options.end().sequence;
  }

  /** Waits for a record, then lets more gather unless somebody waits for the brokers. */
  async #untilWritten(): Promise<void> {
    const isOver = (): boolean => this.#draining || this.#stop.signal.aborted;
    while (!this.#hasMore() && !isOver()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await this.#pause(this.#options.lingerMs, () => this.#urgent || this.#draining);
    this.#urgent = false;
  }

  /** Waits, but not longer than until `enough` holds or the publisher is stopped. */
  async #pause(ms: number, enough: () => boolean = () => false): Promise<void> {
    const isOver = (): boolean => this.#stop.signal.aborted || enough();
    if (isOver()) return;
    const over = new AbortController();
    this.#wake = () => {
      if (isOver()) over.abort();
    };
    await sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
    this.#wake = () => undefined;
  }
}
