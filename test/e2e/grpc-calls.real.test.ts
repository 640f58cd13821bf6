import { setMaxListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Question, StileClient } from "../../src/client/stile-client.ts";
import { requestFromQuestion } from "../../src/wire/decision-answer.ts";
import { DecisionService, Outcome, StepUpService } from "../../src/wire/messages.ts";
import { waitFor } from "../real/wait-for.ts";
import { objectAt, recordOf, tail } from "./audit-records.ts";
import { decidedCount } from "./decided-count.ts";
import { textLike } from "./like.ts";
import { ALLOWED, ASKED, failureOf } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";

describe("gRPC calls to the running server", () => {
  let server: StileServer;
  let client: StileClient;
  beforeAll(async () => {
    server = await startStile();
    client = server.client();
  });
  afterAll(() => server.stop());

  it("ends a call at its deadline though the server is silent, and the server goes on", async () => {
    await client.decide(ALLOWED);
    server.signal("SIGSTOP");
    const late = await failureOf(client.decide(ALLOWED, { deadlineMs: 200 }));
    server.signal("SIGCONT");
    expect(late.status).toBe("DEADLINE_EXCEEDED");
    expect((await client.decide(ALLOWED)).kind).toBe("allow");
  });

  it("ends calls and streams that the caller cancels, and goes on", async () => {
    const asked = await client.decide(ASKED);
    if (asked.kind !== "step_up") throw new Error(`the answer is ${asked.kind}`);
    const stop = new AbortController();
    const { signal } = stop;
    setMaxListeners(0, signal);
    const request = { challengeId: asked.challenge.id };
    const watches = Array.from({ length: 50 }, () =>
      client.connection.serverStream(StepUpService, "watch", request, { signal }),
    );
    for (const watch of watches) expect((await watch.next()).done).toBe(false);
    const streams = Array.from({ length: 50 }, () =>
      client.connection.duplex(DecisionService, "decideStream", { signal }),
    );
    for (const stream of streams) await stream.send(messageOf(ALLOWED));
    const batch = client.decideBatch(Array<typeof ALLOWED>(1_000).fill(ALLOWED), { signal });
    const cancelled = failureOf(batch);
    stop.abort();
    expect((await cancelled).status).toBe("CANCELLED");
    for (const watch of watches) expect((await watch.next()).done).toBe(true);
    expect((await client.decide(ALLOWED)).kind).toBe("allow");
    expect(server.log()).not.toContain("call_failed");
  });

  it("refuses a message over 4 MiB and goes on", async () => {
    const context = { much: "x".repeat(4 * 1024 * 1024) };
    const failure = await failureOf(client.decide({ ...ALLOWED, context }));
    expect(failure.status).toBe("RESOURCE_EXHAUSTED");
    expect((await client.decide(ALLOWED)).kind).toBe("allow");
  });

  it("decides a batch of 1,000 in its order, each with a record of its own", async () => {
    const questions = Array.from({ length: 1_000 }, (_, index) => ({
      ...ALLOWED,
      requestId: `batch-${index}`,
    }));
    const answers = await client.decideBatch(questions);
    expect(answers.map(({ requestId }) => requestId)).toEqual(
      questions.map(({ requestId }) => requestId),
    );
    expect(new Set(answers.map(({ decisionId }) => decisionId)).size).toBe(1_000);
    const recorded = new Set((await tail(client, 1_000)).map(({ id }) => id));
    expect(answers.filter(({ decisionId }) => !recorded.has(decisionId))).toEqual([]);
  });

  it("goes on with a stream in which one message is invalid", async () => {
    const stream = client.connection.duplex(DecisionService, "decideStream");
    await stream.send(messageOf({ ...ALLOWED, requestId: "before" }));
    await stream.send({ action: { name: "a" }, requestId: "invalid" });
    await stream.send(messageOf({ ...ALLOWED, policy: "nothing", requestId: "unknown" }));
    await stream.send(messageOf({ ...ALLOWED, requestId: "after" }));
    stream.end();
    const byRequest = new Map<string, { outcome: Outcome; code: number; message: string }>();
    for await (const { requestId, outcome, error } of stream.messages) {
      const { code = 0, message = "" } = error ?? {};
      byRequest.set(requestId, { outcome, code, message });
    }
    expect(Object.fromEntries(byRequest)).toMatchObject({
      before: { outcome: Outcome.ALLOW, code: 0 },
      invalid: {
        outcome: Outcome.UNSPECIFIED,
        code: 3,
        message: textLike(/subject/),
      },
      unknown: {
        outcome: Outcome.UNSPECIFIED,
        code: 5,
        message: textLike(/nothing/),
      },
      after: { outcome: Outcome.ALLOW, code: 0 },
    });
  });

  it("stops deciding for a stream that nobody reads, and loses nothing once it is read", async () => {
    const count = 20_000;
    const before = await decidedCount(server);
    const stream = client.connection.duplex(DecisionService, "decideStream");
    const seen = new Set<string>();
    const answers = stream.messages[Symbol.asyncIterator]();
    const take = async (): Promise<boolean> => {
      const next = await answers.next();
      if (next.done === true) return false;
      seen.add(next.value.requestId);
      return true;
    };
    const sending = (async () => {
      for (let index = 0; index < count; index += 1) {
        await stream.send(messageOf({ ...ALLOWED, requestId: String(index) }));
      }
      stream.end();
    })();
    // grpc-js holds back what comes only once somebody has begun to read.
    await take();
    const stood = await standstill(server);
    expect(stood - before).toBeLessThan(count / 2);
    while (await take());
    await sending;
    expect(seen.size).toBe(count);
    expect((await decidedCount(server)) - before).toBe(count);
  });

  it("reads a Struct and the same context as JSON text alike", async () => {
    const context = {
      device_id: "laptop-1",
      nested: { list: [1, 2.5, "three", true, null], "a key": {} },
      text: 'quoted "ö" \u2028 \\',
    };
    const fast = await client.decide({ ...ASKED, context });
    const slow = await client.connection.unary(DecisionService, "decide", {
      ...messageOf(ASKED),
      contextJson: new Uint8Array(),
      context,
    });
    expect(slow.outcome).toBe(Outcome.STEP_UP);
    expect(fast.kind).toBe("step_up");
    expect(slow.reasons.map(({ code }) => code)).toEqual(fast.reasons.map(({ code }) => code));
    for (const id of [fast.decisionId, slow.decisionId]) {
      const { members } = await recordOf(client, id);
      expect(objectAt(members, "input")["context"]).toEqual(context);
    }
  });

  it("keeps every digit of numbers above 2^53 in the audit record", async () => {
    const text = '{"ticket": 9007199254740993, "amount": 123456789012345678901234567890.125}';
    const request = { ...messageOf(ALLOWED), contextJson: Buffer.from(text) };
    const answer = await client.connection.unary(DecisionService, "decide", request);
    const record = await recordOf(client, answer.decisionId);
    expect(record.text).toContain(`"context":${text}`);
  });
});

const messageOf = (question: Question) => requestFromQuestion(question);

/** @returns the count of decisions once it has stood for a second. */
async function standstill(server: StileServer): Promise<number> {
  let count = -1;
  let sinceMs = 0;
  await waitFor("the server to stop deciding", async () => {
    const now = await decidedCount(server);
    if (now !== count) sinceMs = performance.now();
    count = now;
    return performance.now() - sinceMs > 1_000;
  });
  return count;
}
