import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { LiveStreams, serverStream, unary } from "../../src/grpc/handlers.ts";
import { healthHandlers, Readiness } from "../../src/grpc/health-service.ts";
import { bindService } from "../../src/grpc/server.ts";
import { AuditService, Health, PolicyService, ServingStatus } from "../../src/wire/messages.ts";
import { failureOf } from "../e2e/questions.ts";
import { waitFor } from "../real/wait-for.ts";
import { KeptLog, serveForTest } from "./grpc-fixture.ts";

const log = new KeptLog();
const TAIL = { last: 0, follow: true, subject: "" };

describe("unary", () => {
  it.each([
    [
      "throws at once",
      () => {
        throw new StileError("overloaded", "too much");
      },
    ],
    ["rejects later", () => Promise.reject(new StileError("overloaded", "too much"))],
  ])("ends the call with the status of what %s", async (_, listBundles) => {
    const binding = bindService(PolicyService, { listBundles: unary(log, listBundles) });
    const { connection } = await serveForTest(binding);
    expect(await failureOf(connection.unary(PolicyService, "listBundles", {}))).toMatchObject({
      status: "RESOURCE_EXHAUSTED",
      reason: "overloaded",
      message: "too much",
    });
  });
});

describe("serverStream", () => {
  const serveTail = async (
    live: LiveStreams,
    tail: (signal: AbortSignal) => AsyncGenerator<{ recordJson: Uint8Array }>,
  ) => {
    const handlers = { tail: serverStream(log, live, (_: unknown, signal) => tail(signal)) };
    return serveForTest(bindService(AuditService, handlers));
  };
  const forEver = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
    });

  it("ends the work when the caller leaves", async () => {
    let isOver = false;
    const { connection } = await serveTail(new LiveStreams(), async function* (signal) {
      yield { recordJson: Buffer.from("{}") };
      await forEver(signal);
      isOver = true;
    });
    for await (const record of connection.serverStream(AuditService, "tail", TAIL)) {
      expect(record.recordJson.length).toBe(2);
      break;
    }
    await waitFor("the work to end", () => isOver);
  });

  it("waits for a caller that reads slowly", async () => {
    let given = 0;
    const size = 64 * 1024;
    const { connection } = await serveTail(new LiveStreams(), async function* () {
      for (; given < 1_000; given += 1) yield { recordJson: Buffer.alloc(size, 0x20) };
    });
    const stream = connection.serverStream(AuditService, "tail", TAIL);
    await stream.next();
    let before = -1;
    await waitFor("the server to wait", async () => {
      const stands = given === before;
      before = given;
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      return stands;
    });
    expect(given).toBeLessThan(500);
    let received = 1;
    for await (const record of stream) received += record.recordJson.length === size ? 1 : 0;
    expect(received).toBe(1_000);
  });

  it("tells the caller at a drain, and one that comes later", async () => {
    const live = new LiveStreams();
    const { connection } = await serveTail(live, async function* (signal) {
      yield { recordJson: Buffer.from("{}") };
      await forEver(signal);
    });
    const stream = connection.serverStream(AuditService, "tail", TAIL);
    await stream.next();
    live.endAll();
    const ending = { status: "UNAVAILABLE", reason: "shutting_down" };
    expect(await failureOf(stream.next())).toMatchObject(ending);
    const later = connection.serverStream(AuditService, "tail", TAIL);
    expect(await failureOf(later.next())).toMatchObject(ending);
  });

  it("ends with the status of what went wrong, after what was good", async () => {
    const { connection } = await serveTail(new LiveStreams(), async function* () {
      yield { recordJson: Buffer.from("{}") };
      throw new StileError("state_unavailable", "the disk is away");
    });
    const stream = connection.serverStream(AuditService, "tail", TAIL);
    expect((await stream.next()).done).toBe(false);
    expect((await failureOf(stream.next())).reason).toBe("state_unavailable");
  });
});

describe("health", () => {
  const serveHealth = async (readiness: Readiness) => {
    const live = new LiveStreams();
    const services = new Set(["stile.v1.DecisionService"]);
    const handlers = healthHandlers({ readiness, services, live, log });
    return { ...(await serveForTest(bindService(Health, handlers))), live };
  };

  it("tells each change, and no repetition of what was told", async () => {
    const readiness = new Readiness();
    const { connection } = await serveHealth(readiness);
    const watch = connection.serverStream(Health, "watch", { service: "" });
    const statuses = async (): Promise<unknown> => {
      const next = await watch.next();
      return next.done === true ? undefined : next.value.status;
    };
    expect(await statuses()).toBe(ServingStatus.NOT_SERVING);
    readiness.set(true);
    expect(await statuses()).toBe(ServingStatus.SERVING);
    readiness.set(true);
    readiness.set(false);
    expect(await statuses()).toBe(ServingStatus.NOT_SERVING);
  });

  it("tells that it ends before the stream does", async () => {
    const readiness = new Readiness();
    readiness.set(true);
    const { connection, live } = await serveHealth(readiness);
    const watch = connection.serverStream(Health, "watch", { service: "" });
    await watch.next();
    readiness.set(false);
    live.endAll();
    expect((await watch.next()).value).toMatchObject({ status: ServingStatus.NOT_SERVING });
    expect((await failureOf(watch.next())).reason).toBe("shutting_down");
  });

  it("tells watchers of an unknown service that it is unknown, as the protocol asks", async () => {
    const { connection } = await serveHealth(new Readiness());
    const watch = connection.serverStream(Health, "watch", { service: "other" });
    expect((await watch.next()).value).toMatchObject({ status: ServingStatus.SERVICE_UNKNOWN });
  });
});
