import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { requestFromQuestion } from "../../src/wire/decision-answer.ts";
import { AuditService, DecisionService } from "../../src/wire/messages.ts";
import { waitFor } from "../real/wait-for.ts";
import { tailByCommand } from "./audit-records.ts";
import { decidedCount } from "./decided-count.ts";
import { type Load, startLoad } from "./load.ts";
import { ALLOWED, failureFrom } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";

let server: StileServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function start(): Promise<StileServer> {
  server = await startStile();
  return server;
}

describe("the life of a server", () => {
  it("answers what it has taken when told to stop under load, and takes no more", async () => {
    const stopping = await start();
    const load = startLoad({ client: stopping.client(), callers: 32 });
    await waitFor("answers", () => load.answers.length > 1_000);
    const ended = await stopping.kill("SIGTERM");
    await load.stop();
    expect(ended).toEqual({ code: 0, signal: null });
    expect(new Set(load.failures.map(({ status }) => status))).toEqual(new Set(["UNAVAILABLE"]));
    await stopping.restart();
    expect(await unrecorded(stopping, load)).toEqual([]);
    expect(await misnumbered(stopping)).toEqual([]);
  });

  it("ends open streams when told to stop, and answers what they had sent", async () => {
    const stopping = await start();
    const client = stopping.client();
    const stream = client.connection.duplex(DecisionService, "decideStream");
    const tail = endOf(client);
    for (let index = 0; index < 100; index += 1) {
      await stream.send({ ...requestFromQuestion(ALLOWED), requestId: String(index) });
    }
    const answers = stream.messages[Symbol.asyncIterator]();
    expect((await answers.next()).done).toBe(false);
    await waitFor("all to be taken", async () => (await decidedCount(stopping)) === 100);
    stopping.signal("SIGTERM");
    const seen: string[] = [];
    const ending = await (async () => {
      try {
        for (let next = await answers.next(); next.done !== true; next = await answers.next()) {
          seen.push(next.value.decisionId);
        }
        return undefined;
      } catch (thrown) {
        return failureFrom(thrown);
      }
    })();
    expect(seen.length).toBe(99);
    expect(ending).toMatchObject({ status: "UNAVAILABLE", reason: "shutting_down" });
    expect(await tail).toMatchObject({ status: "UNAVAILABLE", reason: "shutting_down" });
    expect(await stopping.ended()).toEqual({ code: 0, signal: null });
  });

  it("does not wait for a caller of HTTP who never ends a request", async () => {
    const stopping = await start();
    const port = Number(stopping.httpAddress.split(":")[1]);
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET /healthz HTTP/1.1\r\nhost: stile\r\n");
    socket.on("error", () => undefined);
    await stopping.client().decide(ALLOWED);
    const ended = stopping.kill("SIGTERM");
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    await waitFor("the server to end", () => isOver, 15_000);
    expect(await ended).toEqual({ code: 0, signal: null });
    socket.destroy();
  });

  it.each([1, 2, 3])("has a record of each answer after kill -9 under load, %i", async () => {
    const killed = await start();
    const load = startLoad({ client: killed.client(), callers: 32, askAgain: true });
    const enough = randomInt(200, 1_500);
    await waitFor("answers", () => load.answers.length > enough);
    await killed.kill("SIGKILL");
    const before = load.answers.length;
    await killed.restart();
    await waitFor("answers after the restart", () => load.answers.length > before + 200);
    await load.stop();
    expect(await unrecorded(killed, load)).toEqual([]);
    expect(await misnumbered(killed)).toEqual([]);
  });
});

/** @returns the answers without a record, or with another one than theirs. */
async function unrecorded(server: StileServer, { answers }: Load): Promise<unknown[]> {
  const records = await tailByCommand(server.grpcAddress, 10_000);
  const byId = new Map(records.map((record) => [record.id, record]));
  return answers.filter(({ decisionId, sequence, kind, subject }) => {
    const record = byId.get(decisionId);
    const { outcome } = record?.members ?? {};
    return record?.sequence !== sequence || outcome !== kind || record.subject !== subject;
  });
}

/** @returns records that have not the number after the one before, or the id of another. */
async function misnumbered(server: StileServer): Promise<unknown[]> {
  const ids = new Set<string>();
  const records = await tailByCommand(server.grpcAddress, 10_000);
  return records.filter(({ id, sequence }, index) => {
    const isTwice = ids.has(id);
    ids.add(id);
    return isTwice || sequence !== index + 1;
  });
}

/** @returns how a followed tail ends. */
async function endOf(client: StileClient) {
  const request = { last: 0, follow: true, subject: "" };
  try {
    for await (const record of client.connection.serverStream(AuditService, "tail", request)) {
      void record;
    }
    return undefined;
  } catch (thrown) {
    return failureFrom(thrown);
  }
}
