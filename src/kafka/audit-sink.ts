import { setTimeout as sleep } from "node:timers/promises";
import { CompressionTypes, type Kafka, type Message, type Producer } from "kafkajs";
import type { AuditEntry, AuditSink } from "../core/audit.ts";
import { describeError } from "../core/errors.ts";
import type { Counter, Log, Meter } from "../core/telemetry.ts";
import { messageFromEntry, stubOf } from "./audit-message.ts";
import { createKafkaClient, type KafkaConnection, REQUEST_TIMEOUT_MS } from "./kafka-client.ts";
import { isAnyOf } from "./kafka-error.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";
import { SentPartitions } from "./sent-partitions.ts";

export interface KafkaAuditSinkOptions extends KafkaConnection {
  readonly topic: string;
  readonly compression?: "none" | "gzip";
  readonly log: Log;
  readonly meter: Meter;
}

const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 2000;
const CLOSE_MS = 3000;

const MISSING = new Set(["UNKNOWN_TOPIC_OR_PARTITION"]);
const TOO_LARGE = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);
/** The brokers do not know this producer, or not the number of its next record. */
const PRODUCER_OVER = new Set([
  "DUPLICATE_SEQUENCE_NUMBER",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "PRODUCER_FENCED",
  "UNKNOWN_PRODUCER_ID",
]);

/**
 * Publishes the audit trail to a Kafka topic: one idempotent producer, one batch at a time, the
 * very same batch again until the brokers have acknowledged it.
 *
 * kafkajs takes a number back when a request fails and gives it to whatever is sent next, also
 * where the brokers did store the request. The same batch again is then rightly taken for a
 * repetition; another batch would be acknowledged and lost. So another batch goes out under the
 * same producer only after the last was acknowledged, and under a new one otherwise.
 */
export class KafkaAuditSink implements AuditSink {
  readonly #options: KafkaAuditSinkOptions;
  readonly #kafka: Kafka;
  readonly #log: RateLimitedLog;
  #producer: Producer | undefined;
  readonly #sent = new SentPartitions();
  /** A request of this producer was not acknowledged. */
  #uncertain = false;
  readonly #retries: Counter;
  readonly #stubs: Counter;

  constructor(options: KafkaAuditSinkOptions) {
    const { log, meter } = options;
    this.#options = options;
    this.#kafka = createKafkaClient(options, log);
    this.#log = new RateLimitedLog(log);
    this.#retries = meter.counter(
      "stile_audit_publish_retries_total",
      "Batches of audit records that were sent again.",
    );
    this.#stubs = meter.counter(
      "stile_audit_oversize_total",
      "Audit records too large for the topic, published as stubs.",
    );
  }

  async publish(batch: readonly AuditEntry[], signal: AbortSignal): Promise<void> {
    if (batch.length === 0) return;
    if (this.#uncertain) await this.#discardProducer();
    const messages = batch.map(messageFromEntry);
    for (let retryMs = RETRY_FIRST_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MOST_MS)) {
      signal.throwIfAborted();
      try {
        await this.#send(messages, signal);
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        this.#retries.add(1);
        if (isAnyOf(thrown, TOO_LARGE)) {
          await this.#publishSmaller(batch, signal);
          return;
        }
        if (isAnyOf(thrown, PRODUCER_OVER)) await this.#discardProducer();
        this.#tell(thrown, batch.length);
      }
      await sleep(retryMs, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    await this.#discardProducer();
  }

  async #send(messages: Message[], signal: AbortSignal): Promise<void> {
    const producer = this.#producer ?? (await this.#newProducer(signal));
    this.#uncertain = true;
    this.#sent.begin();
    const { topic, compression } = this.#options;
    const sent = producer.send({
      topic,
      acks: -1,
      timeout: this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      compression: compression === "gzip" ? CompressionTypes.GZIP : CompressionTypes.None,
      messages,
    });
    const missing = this.#sent.missingFrom(await orAborted(sent, signal));
    if (missing.length > 0) {
      throw new Error(`no broker acknowledged partitions ${missing.join(", ")} of ${topic}`);
    }
    this.#uncertain = false;
  }

  async #newProducer(signal: AbortSignal): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: this.#sent.partitioner,
      // Our own loop tries for as long as it takes; kafkajs insists on one retry.
      retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1000 },
    });
    try {
      await orAborted(producer.connect(), signal);
    } catch (thrown) {
      void producer.disconnect().catch(() => undefined);
      throw thrown;
    }
    this.#producer = producer;
    this.#uncertain = false;
    return producer;
  }

  /** Ends the producer; what it still has under way is not waited for long. */
  async #discardProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    this.#uncertain = false;
    if (producer === undefined) return;
    const waited = new AbortController();
    await Promise.race([
      producer.disconnect().catch(() => undefined),
      sleep(CLOSE_MS, undefined, { signal: waited.signal }).catch(() => undefined),
    ]);
    waited.abort();
  }

  /** The brokers refused the batch by its size: halves of it, or a stub for a single record. */
  async #publishSmaller(batch: readonly AuditEntry[], signal: AbortSignal): Promise<void> {
    const [only, second] = batch;
    if (only === undefined) return;
    if (second !== undefined) {
      const half = Math.ceil(batch.length / 2);
      await this.publish(batch.slice(0, half), signal);
      await this.publish(batch.slice(half), signal);
      return;
    }
    const stub = stubOf(only);
    if (stub.body.length >= only.body.length) {
      // Not even a stub fits: the topic's limit is below any record.
      this.#log.warn("audit_topic_limit_too_low", {
        topic: this.#options.topic,
        bytes: only.body.length,
      });
      await sleep(RETRY_MOST_MS, undefined, { signal });
      await this.publish(batch, signal);
      return;
    }
    this.#stubs.add(1);
    this.#log.warn("audit_record_too_large", { id: only.id, bytes: only.body.length });
    await this.publish([stub], signal);
  }

  #tell(thrown: unknown, records: number): void {
    const { topic } = this.#options;
    if (isAnyOf(thrown, MISSING)) {
      this.#log.warn("audit_topic_missing", {
        topic,
        remedy: `create the topic ${topic}; records stay in the journal until it is there`,
      });
      return;
    }
    this.#log.warn("audit_publish_retried", { topic, records, error: describeError(thrown) });
  }
}

/** Waits for a promise, but rejects once the signal aborts; the promise then goes on unheard. */
async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
