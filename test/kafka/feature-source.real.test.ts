import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FeatureUpdate } from "../../src/core/features.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { messageFromUpdate } from "../../src/kafka/feature-message.ts";
import {
  type FeatureSource,
  type FeatureSourceOptions,
  followFeatures,
} from "../../src/kafka/feature-source.ts";
import { startKafka } from "../real/kafka.ts";
import { requireReal } from "../real/require-real.ts";
import { sharedKafka } from "../real/shared-kafka.ts";
import { waitFor } from "../real/wait-for.ts";
import { createTopic, testKafka } from "./read-topic.ts";

const kafka = await requireReal("kafka");

interface Following {
  readonly source: FeatureSource;
  readonly seen: FeatureUpdate[];
}

function follow(
  brokers: readonly string[],
  topic: string,
  options: Partial<FeatureSourceOptions> = {},
): Following {
  const seen: FeatureUpdate[] = [];
  const source = followFeatures({
    brokers,
    clientId: "stile-test",
    topic,
    requestTimeoutMs: 2000,
    onUpdates: (updates) => seen.push(...updates),
    log: silentLog,
    meter: silentMeter,
    ...options,
  });
  onTestFinished(() => source.close());
  return { source, seen };
}

function scoreOf(number: number): FeatureUpdate {
  return {
    entity: "subject",
    id: `user:${number % 7}`,
    name: "risk_score",
    value: number,
    eventTimeMs: 1_795_000_000_000 + number,
  };
}

type Raw = ReturnType<typeof messageFromUpdate>;

async function produce(brokers: readonly string[], topic: string, messages: Raw[]): Promise<void> {
  const producer = testKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic, acks: -1, messages });
  await producer.disconnect();
}

function scores(from: number, to: number): Raw[] {
  return Array.from({ length: to - from + 1 }, (_, index) =>
    messageFromUpdate(scoreOf(from + index)),
  );
}

async function newTopic(brokers: readonly string[]): Promise<string> {
  const topic = `features-${randomUUID()}`;
  await createTopic(brokers, topic, { "cleanup.policy": "compact" });
  return topic;
}

/** Values of each subject, in order. */
function valuesBySubject(updates: readonly FeatureUpdate[]): Record<string, unknown[]> {
  const values: Record<string, unknown[]> = {};
  for (const { id, value } of updates) (values[id] ??= []).push(value);
  return values;
}

function range(from: number, to: number): FeatureUpdate[] {
  return Array.from({ length: to - from + 1 }, (_, index) => scoreOf(from + index));
}

describe.skipIf(!kafka.present)("following the features topic", () => {
  it("hands on what is there, says so, and goes on with what comes", async () => {
    const brokers = await sharedKafka();
    const topic = await newTopic(brokers);
    await produce(brokers, topic, scores(1, 500));
    const { source, seen } = follow(brokers, topic);
    await source.caughtUp;
    expect(valuesBySubject(seen)).toEqual(valuesBySubject(range(1, 500)));
    expect(source.lag()).toBe(0);
    await produce(brokers, topic, scores(501, 510));
    await waitFor("the new values", () => seen.length === 510);
    expect(valuesBySubject(seen)).toEqual(valuesBySubject(range(1, 510)));
  });

  it("is caught up at once with an empty topic", async () => {
    const brokers = await sharedKafka();
    const { source, seen } = follow(brokers, await newTopic(brokers));
    await source.caughtUp;
    expect(seen).toEqual([]);
  });

  it("reaches every follower, since none shares its position with another", async () => {
    const brokers = await sharedKafka();
    const topic = await newTopic(brokers);
    await produce(brokers, topic, scores(1, 50));
    const followers = [follow(brokers, topic), follow(brokers, topic)];
    await Promise.all(followers.map(({ source }) => source.caughtUp));
    expect(followers.map(({ seen }) => seen.length)).toEqual([50, 50]);
  });

  it("sets malformed and refused messages aside and goes on", async () => {
    const brokers = await sharedKafka();
    const topic = await newTopic(brokers);
    const odd = { ...messageFromUpdate(scoreOf(1)), value: "no JSON" };
    const refused = messageFromUpdate({ ...scoreOf(1), name: "undeclared" });
    await produce(brokers, topic, [...scores(1, 3), odd, refused, ...scores(4, 6)]);
    const seen: FeatureUpdate[] = [];
    const { source } = follow(brokers, topic, {
      onUpdates(updates) {
        if (updates.some(({ name }) => name === "undeclared")) throw new Error("undeclared");
        seen.push(...updates);
      },
    });
    await source.caughtUp;
    expect(valuesBySubject(seen)).toEqual(valuesBySubject(range(1, 6)));
    // They may be in different partitions.
    expect(new Set(source.malformed().map(({ wrong }) => wrong))).toEqual(
      new Set(["the value is no JSON object", "undeclared"]),
    );
  });

  it("begins at the offsets it is given", async () => {
    const brokers = await sharedKafka();
    const topic = await newTopic(brokers);
    await produce(brokers, topic, scores(1, 100));
    const first = follow(brokers, topic);
    await first.source.caughtUp;
    const from = first.source.positions();
    await first.source.close();
    await produce(brokers, topic, scores(101, 130));
    const second = follow(brokers, topic, { from });
    await second.source.caughtUp;
    expect(valuesBySubject(second.seen)).toEqual(valuesBySubject(range(101, 130)));
  });

  it("waits for a broker and a topic that are not there, and survives a killed broker", async () => {
    const broker = await startKafka({ stopped: true });
    onTestFinished(() => broker.stop());
    const topic = "features-late";
    const { source, seen } = follow(broker.brokers, topic);
    let caughtUp = false;
    void source.caughtUp.then(() => {
      caughtUp = true;
    });
    await broker.restart();
    expect(caughtUp).toBe(false);
    await createTopic(broker.brokers, topic, { "cleanup.policy": "compact" });
    await produce(broker.brokers, topic, scores(1, 40));
    await waitFor("the first values", () => seen.length === 40, 90_000);

    await broker.kill("SIGKILL");
    await broker.restart();
    await produce(broker.brokers, topic, scores(41, 60));
    await waitFor("the values after the restart", () => seen.length >= 60, 60_000);
    expect(caughtUp).toBe(true);
    expect(valuesBySubject(seen)).toEqual(valuesBySubject(range(1, 60)));
  });
});
