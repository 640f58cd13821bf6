import type { Clock } from "../../src/core/clock.ts";

/** A clock that stands still until it is moved. */
export interface FakeClock extends Clock {
  moveMs(byMs: number): void;
}

/** Starts at 2026-01-15 12:00:00 UTC. */
export function createFakeClock(startMs = Date.UTC(2026, 0, 15, 12)): FakeClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    moveMs: (byMs) => {
      nowMs += byMs;
    },
  };
}
