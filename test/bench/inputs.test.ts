import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBundle } from "../../src/policy/bundle-reader.ts";
import { openPolicy } from "../../src/policy/open-policy.ts";
import { inputTextsAt } from "./input-texts.ts";
import { INPUTS } from "./inputs.ts";

const PACK = join(import.meta.dirname, "../../policies/sre.tar.gz");

describe("the mix of the bench", () => {
  it.each(["2026-07-15T10:00:00Z", "2026-07-19T03:00:00Z"])(
    "gets the answers it wants from the shipped pack at %s",
    async (time) => {
      const policy = await openPolicy(await readBundle(PACK), "default");
      const nowMs = Date.parse(time);
      const answers = inputTextsAt(nowMs, policy.features).map((text) => {
        const evaluation = policy.evaluate(text, `${nowMs}000000`, "");
        if (evaluation.kind === "fault") return { fault: evaluation.fault };
        const { decision, reasons } = evaluation.verdict;
        return { outcome: decision, reason: reasons[0]?.code };
      });
      expect(answers).toEqual(INPUTS.map(({ outcome, reason }) => ({ outcome, reason })));
    },
  );

  it("asks for a step-up once in twenty", () => {
    const asked = INPUTS.filter(({ outcome }) => outcome === "step_up");
    expect(asked.length * 20).toBe(INPUTS.length);
  });
});
