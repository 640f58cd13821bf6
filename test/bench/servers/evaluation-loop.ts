import { readBundle } from "../../../src/policy/bundle-reader.ts";
import { openPolicy } from "../../../src/policy/open-policy.ts";
import { inputTextsAt } from "../input-texts.ts";
import { INPUTS } from "../inputs.ts";
import type { LoadResult } from "../load.ts";
import { SHIPPED_PACK } from "../places.ts";
import { latencyOf } from "../statistics.ts";

// The evaluation alone: the policy room on the mix, for as long as its parent asks over IPC.

const policy = await openPolicy(await readBundle(SHIPPED_PACK), "default");
const nowMs = Date.now();
const texts = inputTextsAt(nowMs, policy.features);

function evaluateFor(durationMs: number): LoadResult {
  const latenciesMs: number[] = [];
  const faults: string[] = [];
  const startedAt = performance.now();
  let before = startedAt;
  for (let turn = 0; before - startedAt < durationMs; turn = (turn + 1) % texts.length) {
    const evaluation = policy.evaluate(texts[turn] ?? "", `${nowMs}000000`, "bench");
    const now = performance.now();
    latenciesMs.push(now - before);
    before = now;
    const verdict = evaluation.kind === "verdict" ? evaluation.verdict : undefined;
    const { outcome, reason } = INPUTS[turn] ?? {};
    if (verdict?.decision !== outcome || verdict?.reasons[0]?.code !== reason) {
      faults.push(`wanted ${outcome} (${reason}), got ${JSON.stringify(evaluation)}`);
    }
  }
  return {
    calls: latenciesMs.length,
    elapsedMs: performance.now() - startedAt,
    latency: latencyOf(latenciesMs),
    faults: faults.slice(0, 5),
    faultCount: faults.length,
    lateP99Ms: 0,
  };
}

process.on("message", (durationMs: unknown) => {
  if (typeof durationMs === "number") process.send?.(evaluateFor(durationMs));
});
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
