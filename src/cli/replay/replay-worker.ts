import { parentPort, workerData } from "node:worker_threads";
import { readBundle } from "../../policy/bundle-reader.ts";
import { openPolicy } from "../../policy/open-policy.ts";
import { redecide } from "./replay-record.ts";
import { addResult, newTally } from "./replay-tally.ts";
import type { ReplayTask, WorkerOptions } from "./replay-workers.ts";

/** One worker of `stile replay`: opens the bundle once, then decides batch after batch. */
async function main(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("this file runs in a worker");
  const started: unknown = workerData;
  if (!isWorkerOptions(started)) throw new Error("the worker was started without its options");
  const options = started;
  const policy = await openPolicy(await readBundle(options.bundle), options.filter.policy);
  const tally = newTally();
  port.on("message", (task: ReplayTask) => {
    if (task.kind === "end") {
      port.postMessage({ kind: "tally", tally });
      port.close();
      return;
    }
    const bytes = Buffer.from(task.bytes.buffer, task.bytes.byteOffset, task.bytes.byteLength);
    let start = 0;
    for (const end of task.ends) {
      addResult(
        tally,
        redecide(bytes.subarray(start, end), policy, options.filter),
        policy.ref.digest,
      );
      start = end;
    }
    port.postMessage({ kind: "taken", records: task.ends.length });
  });
  port.postMessage({ kind: "ready", digest: policy.ref.digest, revision: policy.ref.revision });
}

/** Only `replay-workers.ts` starts this file, with these members. */
function isWorkerOptions(value: unknown): value is WorkerOptions {
  return typeof value === "object" && value !== null && "bundle" in value && "filter" in value;
}

await main();
