import { setTimeout as sleep } from "node:timers/promises";
import type { AuditSink } from "../core/audit.ts";
import { describeError } from "../core/errors.ts";
import type { FeatureUpdate } from "../core/features.ts";
import type { Log, Meter } from "../core/telemetry.ts";
import { KafkaAuditSink } from "./audit-sink.ts";
import { createFeatureProducer } from "./feature-producer.ts";
import { type FeatureSource, followFeatures } from "./feature-source.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";
import { AUDIT_TOPIC, ensureTopics, FEATURES_TOPIC, stileTopics } from "./topics.ts";

/** All that the service has to do with Kafka. */
export interface KafkaRoom {
  readonly sink: AuditSink;
  /**
   * Puts ready features on the compacted topic, from which every replica reads them.
   *
   * @throws StileError `kafka_unavailable` when the brokers do not acknowledge them in time.
   */
  publishFeatures(updates: readonly FeatureUpdate[]): Promise<void>;
  /** Reads the features topic from its beginning, and goes on. Called once. */
  follow(onUpdates: (updates: readonly FeatureUpdate[]) => void): FeatureSource;
  close(): Promise<void>;
}

/** Partitions of topics that Stile creates itself; a cluster's operator may create them first. */
const PARTITIONS = 6;
const RETRY_MS = 5_000;

/** Nothing here waits for the brokers: they may come later, and go. */
export function openKafka(parts: {
  readonly brokers: readonly string[];
  readonly log: Log;
  readonly meter: Meter;
}): KafkaRoom {
  const { log, meter } = parts;
  const connection = { brokers: parts.brokers, clientId: "stile" };
  const stop = new AbortController();
  const sink = new KafkaAuditSink({ ...connection, topic: AUDIT_TOPIC, log, meter });
  const producer = createFeatureProducer({ ...connection, topic: FEATURES_TOPIC, log });
  let source: FeatureSource | undefined;
  void keepTopics();

  async function keepTopics(): Promise<void> {
    const limited = new RateLimitedLog(log);
    while (!stop.signal.aborted) {
      try {
        const created = await ensureTopics(connection, stileTopics(PARTITIONS, -1), log);
        if (created.length > 0) log.info("topics_created", { topics: created.join(", ") });
        return;
      } catch (thrown) {
        limited.warn("topics_not_created", { cause: describeError(thrown) });
      }
      await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  }

  return {
    sink,
    publishFeatures: (updates) => producer.publish(updates),
    follow(onUpdates) {
      source ??= followFeatures({ ...connection, topic: FEATURES_TOPIC, onUpdates, log, meter });
      return source;
    },
    async close() {
      stop.abort();
      await Promise.all([source?.close(), producer.close(), sink.close()]);
    },
  };
}
