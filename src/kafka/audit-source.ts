import { randomUUID } from "node:crypto";
import type { EachBatchPayload } from "kafkajs";
import type { SourceRecord } from "../core/audit.ts";
import { asStileError, StileError } from "../core/errors.ts";
import { type Log, silentLog } from "../core/telemetry.ts";
import { createKafkaClient } from "./kafka-client.ts";
import { AUDIT_TOPIC } from "./topics.ts";

/** Batches that wait for the reader; more are not fetched meanwhile. */
const WAITING_MAX = 8;

/**
 * Reads the audit topic from its beginning to where it ended when the reading began, and ends.
 * Repeated deliveries are handed on. A lane is a partition.
 *
 * @throws StileError `kafka_unavailable` when the brokers do not answer or the topic is not there.
 */
export async function* scanAudit(options: {
  readonly brokers: readonly string[];
  readonly topic?: string;
  readonly log?: Log;
}): AsyncGenerator<readonly SourceRecord[], void, void> {
  const { brokers, topic = AUDIT_TOPIC, log = silentLog } = options;
  const kafka = createKafkaClient({ brokers, clientId: "stile-audit-reader" }, log);
  const left = await endsOf(kafka, topic).catch((thrown: unknown) => {
    throw asStileError(thrown, "kafka_unavailable", `read ${topic} on ${brokers.join(", ")}`);
  });
  if (left.size === 0) return;
  const consumer = kafka.consumer({
    groupId: `stile-audit-reader-${randomUUID()}`,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: 100,
    retry: { retries: 5, restartOnFailure: () => Promise.resolve(false) },
  });
  const waiting = new BatchQueue();
  consumer.on(consumer.events.CRASH, ({ payload }) => waiting.fail(payload.error));
  const take = async ({ batch }: EachBatchPayload): Promise<void> => {
    const end = left.get(batch.partition);
    if (end === undefined) return;
    const inside = batch.messages.filter(({ offset }) => BigInt(offset) < end);
    const records = inside.map(({ value, offset }) => ({
      body: value ?? Buffer.alloc(0),
      lane: `partition ${batch.partition}`,
      offset,
    }));
    const isDone = BigInt(batch.lastOffset()) + 1n >= end;
    if (isDone) left.delete(batch.partition);
    await waiting.put(records);
    if (left.size === 0) waiting.end();
  };
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: take });
    for (let batch = await waiting.next(); batch !== undefined; batch = await waiting.next()) {
      if (batch.length > 0) yield batch;
    }
  } catch (thrown) {
    throw asStileError(thrown, "kafka_unavailable", `read ${topic} on ${brokers.join(", ")}`);
  } finally {
    waiting.end();
    await consumer.disconnect().catch(() => undefined);
  }
}

/** @returns where each partition that holds anything ends now. */
async function endsOf(
  kafka: ReturnType<typeof createKafkaClient>,
  topic: string,
): Promise<Map<number, bigint>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    if (!(await admin.listTopics()).includes(topic)) {
      throw new StileError("kafka_unavailable", `there is no topic ${topic}`);
    }
    const ends = new Map<number, bigint>();
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) ends.set(partition, BigInt(high));
    }
    return ends;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Hands batches from the consumer to the reader, a few at a time. */
class BatchQueue {
  readonly #batches: (readonly SourceRecord[])[] = [];
  #failure: Error | undefined;
  #isEnded = false;
  #wakeReader: () => void = () => undefined;
  #wakeWriter: () => void = () => undefined;

  async put(batch: readonly SourceRecord[]): Promise<void> {
    if (this.#isEnded) return;
    this.#batches.push(batch);
    this.#wakeReader();
    while (this.#batches.length >= WAITING_MAX && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#wakeReader();
    this.#wakeWriter();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.end();
  }

  /** @returns the next batch, or undefined at the end. */
  async next(): Promise<readonly SourceRecord[] | undefined> {
    for (;;) {
      const batch = this.#batches.shift();
      this.#wakeWriter();
      if (batch !== undefined) return batch;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}
