import { createHash, randomUUID } from "node:crypto";
import { ConfigResourceTypes } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { KafkaAuditSink } from "../../src/kafka/audit-sink.ts";
import { ensureTopics, stileTopics } from "../../src/kafka/topics.ts";
import { type RealKafka, startKafka } from "../real/kafka.ts";
import { requireReal } from "../real/require-real.ts";
import { sharedKafka } from "../real/shared-kafka.ts";
import { bySubject, describeAuditSink, entries, entry } from "./audit-sink-contract.ts";
import { createTopic, readTopic, testKafka } from "./read-topic.ts";

const kafka = await requireReal("kafka");

describe.skipIf(!kafka.present)("the Kafka sink", () => {
  let broker: RealKafka;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(async () => {
    await broker.stop();
  });

  function sinkTo(topic: string, brokers = broker.brokers): KafkaAuditSink {
    return new KafkaAuditSink({
      brokers,
      clientId: "stile-test",
      topic,
      requestTimeoutMs: 1000,
      log: silentLog,
      meter: silentMeter,
    });
  }

  describeAuditSink("kafka", async () => {
    const topic = `audit-${randomUUID()}`;
    await createTopic(broker.brokers, topic);
    const sink = sinkTo(topic);
    return {
      sink,
      published: () => readTopic(broker.brokers, topic),
      goAway: () => broker.kill("SIGSTOP"),
      comeBack: () => broker.kill("SIGCONT"),
      close: () => sink.close(),
    };
  });
});

describe.skipIf(!kafka.present)("what the Kafka sink publishes", () => {
  const never = new AbortController().signal;

  async function publishTo(
    topic: string,
    batch: ReturnType<typeof entries>,
    compression: "none" | "gzip" = "none",
  ): Promise<Awaited<ReturnType<typeof readTopic>>> {
    const brokers = await sharedKafka();
    const sink = new KafkaAuditSink({
      brokers,
      clientId: "stile-test",
      topic,
      compression,
      log: silentLog,
      meter: silentMeter,
    });
    await sink.publish(batch, never);
    await sink.close();
    return readTopic(brokers, topic);
  }

  it("is a CloudEvent in binary mode, keyed by the subject", async () => {
    const topic = `audit-${randomUUID()}`;
    await createTopic(await sharedKafka(), topic);
    const [message] = await publishTo(topic, entries(3, 1));
    expect(message).toMatchObject({
      key: "user:3",
      value: entry(3).body,
      headers: {
        ce_specversion: "1.0",
        ce_id: "record-3",
        ce_source: "/stile/i",
        ce_type: "stile.decision.v1",
        ce_time: new Date(1_795_000_000_003).toISOString(),
        ce_subject: "user:3",
        ce_stilesequence: "3",
        "content-type": "application/json",
      },
    });
  });

  it("is read back from gzip as well", async () => {
    const topic = `audit-${randomUUID()}`;
    await createTopic(await sharedKafka(), topic);
    const messages = await publishTo(topic, entries(1, 50), "gzip");
    expect(bySubject(messages)).toEqual(bySubject(entries(1, 50)));
  });

  it("is a smaller batch, and a stub for a record, where the topic takes no larger ones", async () => {
    const topic = `audit-${randomUUID()}`;
    await createTopic(await sharedKafka(), topic, { "max.message.bytes": "2000" });
    const batch = entries(1, 60).with(30, entry(31, "x".repeat(5000)));
    const messages = await publishTo(topic, batch);
    expect(bySubject(messages.filter(first()))).toEqual(bySubject(batch));
    const stub: unknown = JSON.parse(String(messages.find(({ id }) => id === "record-31")?.value));
    const large = entry(31, "x".repeat(5000)).body;
    expect(stub).toEqual({
      id: "record-31",
      type: "stile.decision.v1",
      subject: "user:1",
      instance: "i",
      sequence: 31,
      prev: "",
      omitted: {
        bytes: large.length,
        sha256: createHash("sha256").update(large).digest("hex"),
      },
    });
  });

  it("goes to topics that are created once, compacted where they should be", async () => {
    const brokers = await sharedKafka();
    const connection = { brokers, clientId: "stile-test" };
    const topics = stileTopics(2, -1);
    await Promise.all([
      ensureTopics(connection, topics, silentLog),
      ensureTopics(connection, topics, silentLog),
    ]);
    expect(await ensureTopics(connection, topics, silentLog)).toEqual([]);
    const admin = testKafka(brokers).admin();
    await admin.connect();
    const { topics: made } = await admin.fetchTopicMetadata({ topics: topics.map((t) => t.topic) });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: "stile.features.v1",
          configNames: ["cleanup.policy"],
        },
      ],
    });
    await admin.disconnect();
    expect(made.map(({ partitions }) => partitions.length)).toEqual([2, 2, 2]);
    expect(resources[0]?.configEntries[0]?.configValue).toBe("compact");
  });
});

function first(): (message: { readonly id: string }) => boolean {
  const seen = new Set<string>();
  return ({ id }) => !seen.has(id) && seen.add(id) !== undefined;
}
