import type { Log } from "../core/telemetry.ts";
import { createKafkaClient } from "./kafka-client.ts";
import { AUDIT_TOPIC, FEATURES_TOPIC } from "./topics.ts";

/**
 * Asks the brokers for their topics.
 *
 * @returns those of Stile's topics that are not there.
 * @throws Error of the client when no broker answers.
 */
export async function missingTopics(
  brokers: readonly string[],
  log: Log,
): Promise<readonly string[]> {
  const admin = createKafkaClient({ brokers, clientId: "stile-doctor" }, log).admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    return [AUDIT_TOPIC, FEATURES_TOPIC].filter((topic) => !there.has(topic));
  } finally {
    await admin.disconnect();
  }
}
