import { StileError } from "../core/errors.ts";

/** Wakes those of this process who wait for a challenge to change. */
export interface ChallengeWaits {
  /**
   * @returns a signal that aborts at the next change, and what ends the wait.
   * @throws StileError `overloaded` when too many wait.
   */
  begin(challengeId: string): { readonly changed: AbortSignal; readonly end: () => void };
  /** Wakes all who wait for this challenge. */
  wake(challengeId: string): void;
}

export function createChallengeWaits(waitsMax: number): ChallengeWaits {
  const waiting = new Map<string, Set<AbortController>>();
  let count = 0;

  function end(challengeId: string, controller: AbortController): void {
    const waits = waiting.get(challengeId);
    if (waits?.delete(controller) !== true) return;
    count -= 1;
    if (waits.size === 0) waiting.delete(challengeId);
  }

  return {
    begin(challengeId) {
      if (count >= waitsMax) {
        throw new StileError("overloaded", `${count} challenges are watched, which is the most`);
      }
      count += 1;
      const controller = new AbortController();
      const waits = waiting.get(challengeId) ?? new Set();
      waiting.set(challengeId, waits.add(controller));
      return { changed: controller.signal, end: () => end(challengeId, controller) };
    },
    wake(challengeId) {
      for (const controller of waiting.get(challengeId) ?? []) {
        end(challengeId, controller);
        controller.abort();
      }
    },
  };
}
