import type { Producer } from "kafkajs";
import { StileError } from "../core/errors.ts";
import type { FeatureUpdate } from "../core/features.ts";
import type { Log } from "../core/telemetry.ts";
import { messageFromUpdate } from "./feature-message.ts";
import { createKafkaClient, type KafkaConnection } from "./kafka-client.ts";

export interface FeatureProducer {
  /** @throws StileError `kafka_unavailable`; some updates may then be on the topic all the same. */
  publish(updates: readonly FeatureUpdate[]): Promise<void>;
  close(): Promise<void>;
}

const ACK_MS_MAX = 3_000;

/**
 * Writes features to the compacted topic. Writing one twice does no harm, since the last of a key
 * counts and carries its event time, so this producer is neither idempotent nor alone.
 */
export function createFeatureProducer(
  parts: KafkaConnection & { readonly topic: string; readonly log: Log },
): FeatureProducer {
  const kafka = createKafkaClient({ ...parts, requestTimeoutMs: ACK_MS_MAX }, parts.log);
  let connected: Promise<Producer> | undefined;

  async function connect(): Promise<Producer> {
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    return producer;
  }

  async function publish(updates: readonly FeatureUpdate[]): Promise<void> {
    if (updates.length === 0) return;
    connected ??= connect();
    const mine = connected;
    try {
      const producer = await mine;
      const messages = updates.map(messageFromUpdate);
      await producer.send({ topic: parts.topic, acks: -1, timeout: ACK_MS_MAX, messages });
    } catch (cause) {
      if (connected === mine) connected = undefined;
      void mine.then((producer) => producer.disconnect()).catch(() => undefined);
      const what = `write ${updates.length} features to ${parts.topic}`;
      throw new StileError("kafka_unavailable", what, { cause });
    }
  }

  return {
    publish,
    async close() {
      const producer = await connected?.catch(() => undefined);
      await producer?.disconnect().catch(() => undefined);
    },
  };
}
