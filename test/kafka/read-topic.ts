import { randomUUID } from "node:crypto";
import { type IHeaders, Kafka, logLevel } from "kafkajs";

/** A message of a topic, as a consumer sees it. */
export interface TopicMessage {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** The CloudEvents id and subject, and the number within the instance. */
  readonly id: string;
  readonly subject: string;
  readonly sequence: number;
}

export function testKafka(brokers: readonly string[]): Kafka {
  return new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 10, initialRetryTime: 100, maxRetryTime: 1000 },
  });
}

export async function createTopic(
  brokers: readonly string[],
  topic: string,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = testKafka(brokers).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic,
          numPartitions: 3,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}

/** Reads a topic from its beginning to its present end. Partitions may be interleaved. */
export async function readTopic(
  brokers: readonly string[],
  topic: string,
): Promise<readonly TopicMessage[]> {
  const kafka = testKafka(brokers);
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map<number, bigint>();
  for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
    if (BigInt(high) > 0n) ends.set(partition, BigInt(high));
  }
  await admin.disconnect();
  if (ends.size === 0) return [];

  const messages: TopicMessage[] = [];
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          for (const { key, value, headers } of batch.messages) {
            messages.push(read(batch.partition, key, value, headers));
          }
          const end = ends.get(batch.partition);
          if (end !== undefined && BigInt(batch.lastOffset()) + 1n >= end) {
            ends.delete(batch.partition);
          }
          if (ends.size === 0) resolve();
          await Promise.resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return messages;
}

function read(
  partition: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: IHeaders | undefined,
): TopicMessage {
  const texts = Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)]),
  );
  return {
    partition,
    key: String(key),
    value: value ?? Buffer.alloc(0),
    headers: texts,
    id: texts["ce_id"] ?? "",
    subject: texts["ce_subject"] ?? "",
    sequence: Number(texts["ce_stilesequence"]),
  };
}
