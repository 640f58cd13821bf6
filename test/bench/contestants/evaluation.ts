import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { LoadResult } from "../load.ts";
import { benchProgram } from "../places.ts";
import type { Contestant, Running } from "./contestant.ts";

/** The policy on the mix with nothing around it: what a batch comes close to. */
export const evaluation: Contestant = {
  name: "evaluation",
  what: "the policy room alone, in process",
  decisionsPerCall: 1,
  callers: 1,
  alsoLatency: false,
  start: runEvaluation,
};

async function runEvaluation(): Promise<Running> {
  const child = fork(benchProgram("servers/evaluation-loop.js"));
  await nextMessage(child);
  return {
    pid: child.pid ?? -1,
    refresh: () => Promise.resolve(),
    load: async ({ durationMs }) => {
      const answer = nextMessage(child);
      child.send(durationMs);
      const result = await answer;
      if (!isLoadResult(result)) throw new Error("the evaluation loop answered something else");
      return result;
    },
    stop: async () => {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("the evaluation loop ended"));
    child.once("exit", ended);
    child.once("message", (message: unknown) => {
      child.removeListener("exit", ended);
      resolve(message);
    });
  });
}

function isLoadResult(value: unknown): value is LoadResult {
  return typeof value === "object" && value !== null && "calls" in value && "latency" in value;
}
