import { describe, expect, it } from "vitest";
import { runLoad, type Target } from "./load.ts";

const BLOCKED_MS = 80;

/** Answers at once, but for the first call, during which the whole process stands still. */
function stallingTarget(): Target {
  let calls = 0;
  return {
    call: (done) => {
      calls += 1;
      const untilMs = performance.now() + (calls === 1 ? BLOCKED_MS : 0);
      while (performance.now() < untilMs);
      setImmediate(done, undefined);
    },
  };
}

describe("the load", () => {
  it("at a fixed rate counts the time that calls waited to be sent", async () => {
    const load = { kind: "fixed", callsPerS: 1_000, durationMs: 100 } as const;
    const { calls, latency, lateP99Ms } = await runLoad(stallingTarget(), load);
    expect(calls).toBe(100);
    // Calls were due all along the 80 ms: those of the first half waited 30 ms and more.
    expect(latency.p50).toBeGreaterThanOrEqual(BLOCKED_MS - 51);
    expect(lateP99Ms).toBeGreaterThanOrEqual(BLOCKED_MS - 5);
  });

  it("in a closed loop keeps each caller to one call at a time", async () => {
    let underWay = 0;
    let most = 0;
    const target: Target = {
      call: (done) => {
        underWay += 1;
        most = Math.max(most, underWay);
        setImmediate(() => {
          underWay -= 1;
          done(undefined);
        });
      },
    };
    await runLoad(target, { kind: "closed", callers: 7, durationMs: 20 });
    expect({ most, underWay }).toEqual({ most: 7, underWay: 0 });
  });

  it("counts wrong answers and keeps some", async () => {
    let calls = 0;
    const target: Target = {
      call: (done) => {
        calls += 1;
        setImmediate(done, calls <= 8 ? `wrong ${calls}` : undefined);
      },
    };
    const load = { kind: "fixed", callsPerS: 10_000, durationMs: 2 } as const;
    const { faultCount, faults } = await runLoad(target, load);
    expect(faultCount).toBe(8);
    expect(faults).toEqual(["wrong 1", "wrong 2", "wrong 3", "wrong 4", "wrong 5"]);
  });
});
