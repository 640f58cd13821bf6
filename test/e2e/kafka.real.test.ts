import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { isJsonObject } from "../../src/core/json.ts";
import { FeatureService } from "../../src/wire/messages.ts";
import { withoutRepeats } from "../kafka/audit-sink-contract.ts";
import { readTopic, type TopicMessage } from "../kafka/read-topic.ts";
import { type RealKafka, startKafka } from "../real/kafka.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { textLike } from "./like.ts";
import { type LoadAnswer, startLoad } from "./load.ts";
import { ALLOWED, failureOf } from "./questions.ts";
import { type ServerOptions, type StileServer, startStile } from "./stile-server.ts";

const kafka = await requireReal("kafka");
const AUDIT = "stile.audit.v1";
const DECISIONS = 20_000;
const SHIPPED_MS = 60_000;

describe.skipIf(!kafka.present)("a server with Kafka", () => {
  let broker: RealKafka;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(() => broker.stop());

  /** Starts a server that publishes to the broker, for the time of one test. */
  async function start(options: ServerOptions = {}): Promise<StileServer> {
    const env = { STILE_KAFKA_BROKERS: broker.brokers.join(","), ...options.env };
    const server = await startStile({ ...options, env });
    onTestFinished(() => server.stop());
    return server;
  }

  it("has every answer on the topic, in order, though broker and server are killed under load", async () => {
    const server = await start();
    const load = startLoad({ client: server.client(), callers: 8, askAgain: true });
    const answers = (count: number): Promise<void> => {
      const enough = load.answers.length + count;
      return waitFor("answers", () => load.answers.length >= enough, SHIPPED_MS);
    };
    await answers(2_000);
    await broker.kill("SIGKILL");
    await answers(2_000);
    expect(await unshipped(server)).toBeGreaterThan(0);
    await broker.restart();
    await answers(2_000);
    await server.kill("SIGKILL");
    await server.restart();
    await answers(Math.max(2_000, DECISIONS - load.answers.length));
    await load.stop();
    expect(new Set(load.failures.map(({ status }) => status))).toEqual(new Set(["UNAVAILABLE"]));
    await allShipped(server);

    const delivered = await readTopic(broker.brokers, AUDIT);
    const records = withoutRepeats(delivered);
    expect(unlike(load.answers, records)).toEqual([]);
    expect(disordered(records)).toEqual([]);
    expect(missing(records)).toEqual([]);
    expect(altered(delivered)).toEqual([]);
  });

  it("writes records as CloudEvents, keyed by their subject", async () => {
    const server = await start();
    const { decisionId } = await server.client().decide(ALLOWED);
    await allShipped(server);
    const message = (await readTopic(broker.brokers, AUDIT)).find(({ id }) => id === decisionId);
    expect(message?.key).toBe("user:ada");
    expect(message?.headers).toEqual({
      ce_specversion: "1.0",
      ce_id: decisionId,
      ce_source: textLike(/^\/stile\/[0-9a-f-]{36}$/),
      ce_type: "stile.decision.v1",
      ce_time: textLike(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ce_subject: "user:ada",
      ce_stilesequence: textLike(/^\d+$/),
      "content-type": "application/json",
    });
    const record: unknown = JSON.parse(message?.value.toString("utf8") ?? "");
    expect(record).toMatchObject({ id: decisionId, subject: "user:ada", outcome: "allow" });
  });

  it("brings a feature put on one server to the other, and back after a restart", async () => {
    const [one, other] = [await start(), await start()];
    await ready(one);
    await ready(other);
    await putScore(one.client(), 0.25);
    await waitFor("the other server to have it", async () => (await scoreAt(other)) === 0.25);
    await one.kill("SIGKILL");
    await one.restart();
    await ready(one);
    expect(await scoreAt(one)).toBe(0.25);
  });

  it("waits for the brokers where the trail must be acknowledged, and allows nothing meanwhile", async () => {
    const server = await start({ env: { STILE_AUDIT_ACK: "kafka" } });
    const client = server.client();
    expect((await client.decide(ALLOWED, { deadlineMs: 20_000 })).kind).toBe("allow");
    await broker.kill("SIGSTOP");
    onTestFinished(() => broker.kill("SIGCONT"));
    const waiting = await failureOf(client.decide(ALLOWED, { deadlineMs: 1_000 }));
    expect(waiting.status).toBe("DEADLINE_EXCEEDED");
    const later = client.decide(ALLOWED, { deadlineMs: 60_000 });
    await broker.kill("SIGCONT");
    const answer = await later;
    expect(answer.kind).toBe("allow");
    const topic = await readTopic(broker.brokers, AUDIT);
    expect(topic.filter(({ id }) => id === answer.decisionId).length).toBeGreaterThan(0);
  });

  describe("whose broker is dead at the start", () => {
    afterEach(async () => {
      if (broker.pid === -1) await broker.restart();
    });

    it("decides at once, says that it is not ready, takes no features, and ships later", async () => {
      await broker.kill("SIGKILL");
      const server = await start();
      const client = server.client();
      const answers = await Promise.all(Array.from({ length: 100 }, () => client.decide(ALLOWED)));
      expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(["allow"]));
      expect((await readyz(server)).status).toBe(503);
      const refused = await failureOf(putScore(client, 0.5));
      expect(refused).toMatchObject({ status: "UNAVAILABLE", reason: "kafka_unavailable" });

      await broker.restart();
      await ready(server);
      await allShipped(server);
      const ids = new Set((await readTopic(broker.brokers, AUDIT)).map(({ id }) => id));
      expect(answers.filter(({ decisionId }) => !ids.has(decisionId))).toEqual([]);
      await putScore(client, 0.5);
      await waitFor("the score", async () => (await scoreAt(server)) === 0.5);
    });

    it("stops within its time though nothing can be shipped, and ships at the next start", async () => {
      await broker.kill("SIGKILL");
      const server = await start();
      const { decisionId } = await server.client().decide(ALLOWED);
      expect(await server.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      await broker.restart();
      await server.restart();
      await allShipped(server);
      const ids = (await readTopic(broker.brokers, AUDIT)).map(({ id }) => id);
      expect(ids).toContain(decisionId);
    });
  });
});

/** Waits until the brokers have all that is in the server's journal. */
function allShipped(server: StileServer): Promise<void> {
  const isDone = async (): Promise<boolean> => (await unshipped(server)) === 0;
  return waitFor("all records to be published", isDone, SHIPPED_MS);
}

async function unshipped(server: StileServer): Promise<number> {
  const line = /^stile_audit_unpublished_records (\d+)$/m.exec(await server.metrics());
  return Number(line?.[1] ?? Number.NaN);
}

async function readyz(server: StileServer): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://${server.httpAddress}/readyz`);
  return { status: response.status, body: await response.json() };
}

function ready(server: StileServer): Promise<void> {
  return waitFor("readiness", async () => (await readyz(server)).status === 200, SHIPPED_MS);
}

function putScore({ connection }: StileClient, score: number): Promise<unknown> {
  const value = { kind: { case: "numberValue" as const, value: score } };
  const update = { entity: "subject", id: "user:kafka", name: "risk_score", value };
  return connection.clientStream(FeatureService, "putFeatures", [{ updates: [update] }], {
    deadlineMs: SHIPPED_MS,
  });
}

async function scoreAt(server: StileServer): Promise<unknown> {
  const entity = { entity: "subject", id: "user:kafka" };
  const { features } = await server
    .client()
    .connection.unary(FeatureService, "getFeatures", entity);
  return features.find(({ name }) => name === "risk_score")?.value?.kind.value;
}

/** @returns answers that the topic does not hold, or holds as something else. */
function unlike(answers: readonly LoadAnswer[], records: readonly TopicMessage[]): unknown[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  return answers.filter(({ decisionId, subject, kind, sequence }) => {
    const message = byId.get(decisionId);
    if (message === undefined) return true;
    const record: unknown = JSON.parse(message.value.toString("utf8"));
    const outcome = isJsonObject(record) ? record["outcome"] : undefined;
    return message.key !== subject || message.sequence !== sequence || outcome !== kind;
  });
}

/** @returns records that came after a later one of their subject, or on another partition. */
function disordered(records: readonly TopicMessage[]): unknown[] {
  const last = new Map<string, TopicMessage>();
  return records.filter((record) => {
    const before = last.get(record.key);
    last.set(record.key, record);
    if (before === undefined) return false;
    return before.sequence >= record.sequence || before.partition !== record.partition;
  });
}

/** @returns numbers that no record has, from the first to the last. */
function missing(records: readonly TopicMessage[]): number[] {
  const found = new Set(records.map(({ sequence }) => sequence));
  const last = Math.max(...found);
  return Array.from({ length: last }, (_, index) => index + 1).filter((one) => !found.has(one));
}

/** @returns messages that differ from an earlier one of their id. */
function altered(delivered: readonly TopicMessage[]): unknown[] {
  const first = new Map<string, Buffer>();
  return delivered.filter(({ id, value }) => {
    const before = first.get(id);
    if (before === undefined) first.set(id, value);
    return before !== undefined && !before.equals(value);
  });
}
