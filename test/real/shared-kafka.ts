import { inject } from "vitest";

/**
 * The broker that all "real" tests of a run share; each test uses topics of its own. A test that
 * stops or kills its broker starts one with `startKafka` instead. Check `requireReal("kafka")`
 * first.
 *
 * @returns addresses for `STILE_KAFKA_BROKERS`.
 */
export async function sharedKafka(): Promise<readonly string[]> {
  const response = await fetch(inject("sharedKafkaUrl"));
  if (!response.ok) throw new Error(`start the shared Kafka broker: ${await response.text()}`);
  const brokers: unknown = await response.json();
  if (!Array.isArray(brokers)) throw new Error("the shared Kafka broker gave no addresses");
  return brokers.map(String);
}
