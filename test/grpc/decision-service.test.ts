import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { DecisionService, Outcome } from "../../src/wire/messages.ts";
import { failureOf } from "../e2e/questions.ts";
import { waitFor } from "../real/wait-for.ts";
import { allowAll, HeldDecider, REQUEST, serveDecider } from "./grpc-fixture.ts";

const IN_FLIGHT_MAX = 256;

describe("Decide", () => {
  it("answers by the decision path, under the caller's own id", async () => {
    const decider = allowAll();
    const { connection } = await serveDecider(decider);
    const answer = await connection.unary(DecisionService, "decide", {
      ...REQUEST,
      requestId: "7",
    });
    expect(answer).toMatchObject({ outcome: Outcome.ALLOW, requestId: "7", decisionId: "d-7" });
    expect(decider.seen.length).toBe(1);
  });

  it("shows nothing of a fault of ours, and logs it", async () => {
    const decider = new HeldDecider();
    decider.admit = () => {
      throw new TypeError("the secret is hunter2");
    };
    const { connection, log } = await serveDecider(decider);
    const failure = await failureOf(connection.unary(DecisionService, "decide", REQUEST));
    expect(failure).toMatchObject({ status: "INTERNAL", reason: "internal", fields: [] });
    expect(failure.message).not.toContain("hunter2");
    expect(log.events.map(({ event }) => event)).toEqual(["call_failed"]);
  });

  it("does not log what the caller did wrong", async () => {
    const { connection, log } = await serveDecider(allowAll());
    await failureOf(connection.unary(DecisionService, "decide", {}));
    expect(log.events).toEqual([]);
  });
});

describe("DecideBatch", () => {
  it("decides nothing of a batch in which one request is not admitted", async () => {
    const decider = new HeldDecider();
    decider.admit = ({ policy }) => {
      if (policy !== "") throw new StileError("unknown_policy", "no policy has this name");
    };
    const { connection } = await serveDecider(decider);
    const requests = [REQUEST, { ...REQUEST, policy: "nothing" }, REQUEST];
    const failure = await failureOf(connection.unary(DecisionService, "decideBatch", { requests }));
    expect(failure).toMatchObject({ status: "NOT_FOUND", reason: "unknown_policy" });
    expect(decider.held).toEqual([]);
  });

  it("keeps the order of the requests, whichever is answered first", async () => {
    const decider = new HeldDecider();
    const { connection } = await serveDecider(decider);
    const ids = ["a", "b", "c"];
    const requests = ids.map((requestId) => ({ ...REQUEST, requestId }));
    const batch = connection.unary(DecisionService, "decideBatch", { requests });
    await waitFor("the requests", () => decider.held.length === 3);
    for (const { answer } of decider.held.toReversed()) answer();
    expect((await batch).responses.map(({ requestId }) => requestId)).toEqual(ids);
  });

  it("lets other callers in between the slices of a large batch", async () => {
    const decider = allowAll();
    const { connection } = await serveDecider(decider);
    const batch = (requestId: string) => ({
      requests: Array.from({ length: 1_000 }, () => ({ ...REQUEST, requestId })),
    });
    await Promise.all([
      connection.unary(DecisionService, "decideBatch", batch("one")),
      connection.unary(DecisionService, "decideBatch", batch("two")),
    ]);
    const order = decider.seen.map(({ requestId }) => requestId);
    const turns = order.filter((id, index) => id !== order[index - 1]);
    expect(turns.length).toBeGreaterThan(2);
  });
});

describe("DecideStream", () => {
  it("reads no more than it may have in flight, and goes on as answers leave", async () => {
    const decider = new HeldDecider();
    const { connection } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    const count = 4 * IN_FLIGHT_MAX;
    void (async () => {
      for (let index = 0; index < count; index += 1) await stream.send(REQUEST);
      stream.end();
    })();
    await waitFor("the first requests", () => decider.held.length >= IN_FLIGHT_MAX);
    await new Promise(setImmediate);
    // What the transport had parsed already may still come.
    expect(decider.held.length).toBeLessThan(2 * IN_FLIGHT_MAX);
    let received = 0;
    let answered = 0;
    const answering = setInterval(() => {
      for (const { answer } of decider.held.slice(answered)) answer();
      answered = decider.held.length;
    }, 1);
    for await (const { outcome } of stream.messages) if (outcome === Outcome.ALLOW) received += 1;
    clearInterval(answering);
    expect(received).toBe(count);
  });

  it("gives answers as they come, matched by the caller's own id", async () => {
    const decider = new HeldDecider();
    const { connection } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    for (const requestId of ["a", "b"]) await stream.send({ ...REQUEST, requestId });
    stream.end();
    await waitFor("both", () => decider.held.length === 2);
    for (const { answer } of decider.held.toReversed()) answer();
    const ids: string[] = [];
    for await (const { requestId } of stream.messages) ids.push(requestId);
    expect(ids).toEqual(["b", "a"]);
  });

  it("answers a request that is not admitted in its place, and goes on", async () => {
    const decider = allowAll();
    decider.admit = ({ requestId }) => {
      if (requestId === "bad") throw new StileError("not_fresh", "not here yet");
    };
    const { connection } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    for (const requestId of ["bad", "good"]) await stream.send({ ...REQUEST, requestId });
    stream.end();
    const codes: Record<string, number> = {};
    for await (const { requestId, error } of stream.messages) codes[requestId] = error?.code ?? 0;
    expect(codes).toEqual({ bad: 9, good: 0 });
  });

  it("answers what it has taken before it ends for a drain", async () => {
    const decider = new HeldDecider();
    const { connection, live } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    const ids: string[] = [];
    const reading = failureOf(
      (async () => {
        for await (const { requestId } of stream.messages) ids.push(requestId);
      })(),
    );
    await stream.send({ ...REQUEST, requestId: "taken" });
    await waitFor("the request", () => decider.held.length === 1);
    live.endAll();
    await new Promise(setImmediate);
    decider.held[0]?.answer();
    expect(await reading).toMatchObject({ status: "UNAVAILABLE", reason: "shutting_down" });
    expect(ids).toEqual(["taken"]);
  });
});
