import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, StileClient } from "../../src/client/stile-client.ts";
import { answerFromMessage, requestFromQuestion } from "../../src/wire/decision-answer.ts";
import { DecisionService, FeatureService } from "../../src/wire/messages.ts";
import { type StileServer, startStile } from "./stile-server.ts";
import { TABLES_NOW_MS, type TableRow, tableRows } from "./table-rows.ts";

const rows = tableRows();

describe("the decision tables of the shipped pack, asked of the running server", () => {
  let server: StileServer;
  let client: StileClient;
  let stream: ReturnType<typeof openStream>;
  beforeAll(async () => {
    server = await startStile({ clockMs: TABLES_NOW_MS });
    client = server.client();
    stream = openStream(client);
  });
  afterAll(() => server.stop());

  it("has most of the rows", () => {
    expect(rows.length).toBeGreaterThan(130);
    expect(new Set(rows.map(({ want }) => want.decision)).size).toBe(3);
  });

  it.each(rows)("$want.decision: $name", async (row) => {
    const atLeastAsFresh = await feed(client, row);
    const question = { ...row.question, atLeastAsFresh };
    const unary = await client.decide(question);
    const [inBatch] = await client.decideBatch([question]);
    const inStream = await stream(question);
    await unfeed(client, row);

    expect(unary).toMatchObject(wantedOf(row));
    expect(inBatch === undefined ? undefined : sameOf(inBatch)).toEqual(sameOf(unary));
    expect(sameOf(inStream)).toEqual(sameOf(unary));
    const ids = new Set([unary, inBatch, inStream].map((answer) => answer?.decisionId));
    expect(ids.size).toBe(3);
  });
});

/** What the row wants, in the words of an answer. */
function wantedOf({ want }: TableRow): object {
  const { step_up: demand, obligations } = want;
  const { max_age: maxAgeS, methods, ...others } = demand ?? {};
  // Of the ways that the policy takes, a server offers those that it serves.
  const offered = Array.isArray(methods)
    ? { methods: methods.filter((one) => one === "totp") }
    : {};
  return {
    kind: want.decision,
    reasons: want.reasons.map((code) => ({ code })),
    ...(demand === undefined
      ? {}
      : { challenge: { ...others, ...offered, ...(maxAgeS === undefined ? {} : { maxAgeS }) } }),
    ...(obligations === undefined
      ? {}
      : { obligations: obligations.map(({ id, ...properties }) => ({ id, properties })) }),
  };
}

/** What two answers to one question have in common, the challenge included. */
function sameOf(answer: Answer): object {
  const { kind, reasons, obligations, policy } = answer;
  return {
    kind,
    reasons,
    obligations,
    policy,
    challenge: "challenge" in answer && answer.challenge,
  };
}

/** Asks on one stream, one question at a time. */
function openStream(client: StileClient) {
  const call = client.connection.duplex(DecisionService, "decideStream");
  const answers = call.messages[Symbol.asyncIterator]();
  return async (question: TableRow["question"]): Promise<Answer> => {
    await call.send(requestFromQuestion(question));
    const next = await answers.next();
    if (next.done === true) throw new Error("the stream ended");
    return answerFromMessage(next.value);
  };
}

let signalCount = 0;

/** @returns the token by which a decision sees these features. */
async function feed({ connection }: StileClient, row: TableRow): Promise<string> {
  const signals = row.signals.map(({ type, subject, data, timeMs }) => {
    signalCount += 1;
    return { id: String(signalCount), source: "tables", type, subject, data, time: timeOf(timeMs) };
  });
  const updates = row.updates.map(({ entity, id, name, value, timeMs }) => {
    return { entity, id, name, value: valueOf(value), eventTime: timeOf(timeMs) };
  });
  await connection.clientStream(FeatureService, "observe", [{ signals }]);
  const written = await connection.clientStream(FeatureService, "putFeatures", [{ updates }]);
  return written.freshnessToken;
}

/** Devices are shared by rows, so what was told of them is taken back. */
async function unfeed({ connection }: StileClient, row: TableRow): Promise<void> {
  const updates = row.updates
    .filter(({ entity }) => entity === "device")
    .map(({ entity, id, name }) => ({
      entity,
      id,
      name,
      value: { kind: { case: "nullValue" as const, value: 0 } },
    }));
  if (updates.length > 0) {
    await connection.clientStream(FeatureService, "putFeatures", [{ updates }]);
  }
}

function timeOf(timeMs: number) {
  return { seconds: BigInt(Math.floor(timeMs / 1_000)), nanos: (timeMs % 1_000) * 1_000_000 };
}

function valueOf(value: TableRow["updates"][number]["value"]) {
  switch (typeof value) {
    case "number":
      return { kind: { case: "numberValue" as const, value } };
    case "boolean":
      return { kind: { case: "boolValue" as const, value } };
    case "string":
      return { kind: { case: "stringValue" as const, value } };
    default: {
      const values = value.map((text) => ({ kind: { case: "stringValue" as const, value: text } }));
      return { kind: { case: "listValue" as const, value: { values } } };
    }
  }
}
