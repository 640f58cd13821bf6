// Node finds no named export for the errors of this CommonJS package.
import kafkajs from "kafkajs";
import { asStileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { createKafkaClient, type KafkaConnection } from "./kafka-client.ts";
import { isAnyOf } from "./kafka-error.ts";

export const AUDIT_TOPIC = "stile.audit.v1";
export const FEATURES_TOPIC = "stile.features.v1";
export const SIGNALS_TOPIC = "stile.signals.v1";

export interface TopicToCreate {
  readonly topic: string;
  readonly partitions: number;
  /** -1 leaves it to the brokers. */
  readonly replicationFactor: number;
  /** Keeps the last message of each key instead of the messages of a time. */
  readonly compacted: boolean;
}

/** The topics of Stile, for a cluster that lets us create them. */
export function stileTopics(partitions: number, replicationFactor: number): TopicToCreate[] {
  const size = { partitions, replicationFactor };
  return [
    { topic: AUDIT_TOPIC, compacted: false, ...size },
    { topic: FEATURES_TOPIC, compacted: true, ...size },
    { topic: SIGNALS_TOPIC, compacted: false, ...size },
  ];
}

/**
 * Creates those topics that are not there; the others stay as they are.
 *
 * @returns the names of those created.
 * @throws StileError `kafka_unavailable`.
 */
export async function ensureTopics(
  connection: KafkaConnection,
  topics: readonly TopicToCreate[],
  log: Log,
): Promise<readonly string[]> {
  const admin = createKafkaClient(connection, log).admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const missing = topics.filter(({ topic }) => !there.has(topic));
    if (missing.length === 0) return [];
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions, replicationFactor, compacted }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor,
        configEntries: compacted ? [{ name: "cleanup.policy", value: "compact" }] : [],
      })),
    });
    return missing.map(({ topic }) => topic);
  } catch (thrown) {
    if (isCreatedMeanwhile(thrown)) return [];
    throw asStileError(thrown, "kafka_unavailable", "create the topics of Stile");
  } finally {
    await admin.disconnect();
  }
}

const ALREADY_THERE = new Set(["TOPIC_ALREADY_EXISTS"]);

/** Another replica may have been faster. */
function isCreatedMeanwhile(thrown: unknown): boolean {
  return (
    thrown instanceof kafkajs.KafkaJSAggregateError &&
    thrown.errors.every((error) => isAnyOf(error, ALREADY_THERE))
  );
}
