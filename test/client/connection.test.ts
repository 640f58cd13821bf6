import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { CallError, Connection } from "../../src/client/connection.ts";
import { StileError } from "../../src/core/errors.ts";
import { LiveStreams, serverStream, unary } from "../../src/grpc/handlers.ts";
import { bindService } from "../../src/grpc/server.ts";
import { AuditService, DecisionService, PolicyService } from "../../src/wire/messages.ts";
import { failureOf } from "../e2e/questions.ts";
import {
  allowAll,
  HeldDecider,
  KeptLog,
  REQUEST,
  serveDecider,
  serveForTest,
} from "../grpc/grpc-fixture.ts";
import { waitFor } from "../real/wait-for.ts";

const log = new KeptLog();

describe("a unary call", () => {
  it("fails with the status, the reason and the fields that the server gave", async () => {
    const violations = [{ field: "a.b", description: "is empty" }];
    const listBundles = unary(log, () =>
      Promise.reject(new StileError("invalid_request", "a.b is empty", { violations })),
    );
    const { connection } = await serveForTest(bindService(PolicyService, { listBundles }));
    const call = connection.unary(PolicyService, "listBundles", {});
    await expect(call).rejects.toBeInstanceOf(CallError);
    await expect(call).rejects.toMatchObject({
      name: "CallError",
      status: "INVALID_ARGUMENT",
      reason: "invalid_request",
      message: "a.b is empty",
      violations,
    });
  });

  it("fails where no server is, within its deadline", async () => {
    const connection = new Connection("127.0.0.1:1");
    const failure = await failureOf(connection.unary(DecisionService, "decide", REQUEST));
    expect(failure).toMatchObject({ status: "UNAVAILABLE", reason: "" });
    connection.close();
  });

  it("fails at its deadline where the server says nothing", async () => {
    const { connection } = await serveDecider(new HeldDecider());
    const call = connection.unary(DecisionService, "decide", REQUEST, { deadlineMs: 100 });
    expect((await failureOf(call)).status).toBe("DEADLINE_EXCEEDED");
  });

  it.each(["before", "during"])("fails when it is cancelled %s the call", async (when) => {
    const decider = new HeldDecider();
    const { connection } = await serveDecider(decider);
    const stop = new AbortController();
    if (when === "before") stop.abort();
    const failed = failureOf(connection.unary(DecisionService, "decide", REQUEST, stop));
    if (when === "during") {
      await waitFor("the call", () => decider.held.length === 1);
      stop.abort();
    }
    expect((await failed).status).toBe("CANCELLED");
  });

  it("lets go of a signal that outlives it", async () => {
    const { connection } = await serveDecider(allowAll());
    const { signal } = new AbortController();
    for (let call = 0; call < 50; call += 1) {
      await connection.unary(DecisionService, "decide", REQUEST, { signal });
    }
    await waitFor("the listeners to go", () => getEventListeners(signal, "abort").length === 0);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a duplex stream", () => {
  it("may fail while nobody reads it: the process lives, and a loop begun later is told", async () => {
    const decider = new HeldDecider();
    const { connection, ...served } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    await stream.send(REQUEST);
    await waitFor("the request", () => decider.held.length === 1);
    await served.close();
    // Sends resolve once the call is over, however many they are.
    for (let index = 0; index < 100; index += 1) await stream.send(REQUEST);
    const reading = (async () => {
      for await (const message of stream.messages) void message;
    })();
    expect((await failureOf(reading)).status).toMatch(/UNAVAILABLE|CANCELLED/);
  });

  it("lets a send go on that waited for room when the call ends", async () => {
    const decider = new HeldDecider();
    const { connection, ...served } = await serveDecider(decider);
    const stream = connection.duplex(DecisionService, "decideStream");
    const big = { ...REQUEST, contextJson: Buffer.from(`{"a":"${"x".repeat(60_000)}"}`) };
    let sent = 0;
    const sending = (async () => {
      for (; sent < 2_000; sent += 1) await stream.send(big);
    })();
    await waitFor("the server to take no more", () => decider.held.length >= 256);
    await served.close();
    await sending;
    expect(sent).toBe(2_000);
  });

  it("ends quietly when its caller cancels it", async () => {
    const { connection } = await serveDecider(new HeldDecider());
    const stop = new AbortController();
    const stream = connection.duplex(DecisionService, "decideStream", stop);
    await stream.send(REQUEST);
    const reading = (async () => {
      let count = 0;
      for await (const message of stream.messages) count += message.requestId.length;
      return count;
    })();
    stop.abort();
    expect(await reading).toBe(0);
  });

  it("cancels the call when its loop is left", async () => {
    const { connection } = await serveDecider(allowAll());
    const stream = connection.duplex(DecisionService, "decideStream");
    await stream.send({ ...REQUEST, requestId: "1" });
    for await (const { requestId } of stream.messages) {
      expect(requestId).toBe("1");
      break;
    }
    await stream.send(REQUEST);
  });
});

describe("a server stream", () => {
  it("gives what came before it failed, then the failure", async () => {
    const handlers = {
      tail: serverStream(log, new LiveStreams(), async function* () {
        yield { recordJson: Buffer.from("1") };
        yield { recordJson: Buffer.from("2") };
        throw new StileError("audit_unavailable", "the journal cannot be read");
      }),
    };
    const { connection } = await serveForTest(bindService(AuditService, handlers));
    const texts: string[] = [];
    const request = { last: 0, follow: false, subject: "" };
    const reading = (async () => {
      for await (const { recordJson } of connection.serverStream(AuditService, "tail", request)) {
        texts.push(Buffer.from(recordJson).toString());
      }
    })();
    expect((await failureOf(reading)).reason).toBe("audit_unavailable");
    expect(texts).toEqual(["1", "2"]);
  });
});
