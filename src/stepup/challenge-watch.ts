import type { Clock } from "../core/clock.ts";
import type { ChallengeState, StepUp } from "../core/step-up.ts";
import type { ChallengeBook } from "./challenge-book.ts";
import { shownState } from "./challenge-record.ts";
import type { ChallengeWaits } from "./challenge-waits.ts";
import { issuedGrant } from "./earned-grant.ts";
import type { GrantTokens } from "./grant-tokens.ts";
import type { StepUpSettings } from "./settings.ts";

/** Resolves after so many ms, or as soon as the signal aborts. Never rejects. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/**
 * Watches challenges: woken at once by changes of this process, and looking now and then for those
 * that another worker made.
 */
export function createChallengeWatch(parts: {
  readonly challenges: ChallengeBook;
  readonly waits: ChallengeWaits;
  readonly tokens: GrantTokens;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly settings: StepUpSettings;
}): StepUp["watch"] {
  const { challenges, waits, tokens, clock, sleep, settings } = parts;

  return async function* watch(challengeId, signal) {
    let told: ChallengeState | undefined;
    while (!signal.aborted) {
      const { changed, end } = waits.begin(challengeId);
      try {
        const found = await challenges.read(challengeId);
        const state = shownState(found.state);
        if (state !== told) {
          const grant = state === "proven" ? (await issuedGrant(found, tokens)).token : "";
          yield { state, grant };
        }
        if (state !== "open") return;
        told = state;
        const leftMs = Math.max(1, found.expiresAtMs - clock.nowMs());
        const woken = AbortSignal.any([signal, changed]);
        await sleep(Math.min(leftMs, settings.watchPollMs), woken);
      } finally {
        end();
      }
    }
  };
}
