import { Agent, request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isJsonObject } from "../../../src/core/json.ts";
import { readBundle } from "../../../src/policy/bundle-reader.ts";
import { inputTextsAt } from "../input-texts.ts";
import { runLoad, type Target } from "../load.ts";
import { inputAt } from "../messages.ts";
import { PACK_SOURCE, SHIPPED_PACK } from "../places.ts";
import { startServer } from "../server-process.ts";
import { CALLERS, type Contestant, type Running } from "./contestant.ts";

/**
 * OPA's own server on the same pack and the same input documents, for scale: it has neither
 * features nor an audit journal, so the caller sends the features with each question.
 */
export function opaRestContestant(opa: string): Contestant {
  return {
    name: "OPA REST",
    what: "opa run --server; no features, no audit",
    decisionsPerCall: 1,
    callers: CALLERS,
    alsoLatency: false,
    start: () => runOpa(opa),
  };
}

const READY_MS = 30_000;

async function runOpa(opa: string): Promise<Running> {
  const port = await freePort();
  const server = await startServer({
    program: opa,
    args: [
      "run",
      "--server",
      `--addr=127.0.0.1:${port}`,
      "--log-level=info",
      "--bundle",
      "--ignore=*_test.rego",
      PACK_SOURCE,
    ],
    told: /"addrs":\["([^"]+)"/,
  });
  const { features } = await readBundle(SHIPPED_PACK);
  const bodies = inputTextsAt(Date.now(), features).map((text) => Buffer.from(`{"input":${text}}`));
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  const target = opaTarget(agent, port, bodies);
  await untilAnswers(target);
  return {
    pid: server.pid,
    refresh: () => Promise.resolve(),
    load: (load) => runLoad(target, load),
    stop: async () => {
      agent.destroy();
      await server.stop();
    },
  };
}

function opaTarget(agent: Agent, port: number, bodies: readonly Buffer[]): Target {
  let nextTurn = 0;
  return {
    call: (done) => {
      const turn = nextTurn;
      nextTurn += 1;
      const body = bodies[turn % bodies.length] ?? Buffer.alloc(0);
      const call = request(
        {
          agent,
          port,
          host: "127.0.0.1",
          method: "POST",
          path: "/v1/data/stile/decision",
          headers: { "content-type": "application/json", "content-length": body.length },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => done(faultIn(text, turn)));
        },
      );
      call.on("error", (error) => done(error.message));
      call.end(body);
    },
  };
}

function faultIn(text: string, turn: number): string | undefined {
  const input = inputAt(turn);
  const answer: unknown = JSON.parse(text);
  const result = isJsonObject(answer) ? answer["result"] : undefined;
  const isRight =
    isJsonObject(result) &&
    result["decision"] === input?.outcome &&
    JSON.stringify(result["reasons"]).includes(`"code":"${input?.reason}"`);
  return isRight ? undefined : `wanted ${input?.outcome} (${input?.reason}), got ${text}`;
}

/** OPA says that it begins before it listens. */
async function untilAnswers(target: Target): Promise<void> {
  const endMs = performance.now() + READY_MS;
  for (;;) {
    const fault = await new Promise<string | undefined>((resolve) => {
      target.call(resolve);
    });
    if (fault === undefined) return;
    if (performance.now() > endMs) throw new Error(`OPA does not answer: ${fault}`);
    await sleep(50);
  }
}

/** OPA does not tell which port it took where it is given 0. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address();
      server.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no free port"));
      });
    });
  });
}
