import type { Clock } from "../core/clock.ts";
import { asStileError, describeError, StileError } from "../core/errors.ts";
import type { StepUp } from "../core/step-up.ts";
import type { Counter, Log, Meter } from "../core/telemetry.ts";
import type { ChallengeBook } from "./challenge-book.ts";
import {
  auditMembersOf,
  type ChallengeRecord,
  openChallengeOf,
  shownState,
} from "./challenge-record.ts";
import { earnedClaims, earnedMembersOf, issuedGrant } from "./earned-grant.ts";
import { type CodeOutcome, errorOfCode, type FactorBook } from "./factor-book.ts";
import type { GrantTokens } from "./grant-tokens.ts";
import type { StepUpSettings } from "./settings.ts";
import type { StepUpAudit } from "./step-up-audit.ts";
import { type OnStepUpEvent, type StepUpEvent, tellEvent } from "./step-up-event.ts";
import { checkCode } from "./totp.ts";

export interface StepUpRoomParts {
  readonly challenges: ChallengeBook;
  readonly factors: FactorBook;
  readonly tokens: GrantTokens;
  readonly audit: StepUpAudit;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly onEvent: OnStepUpEvent;
  readonly watch: StepUp["watch"];
  readonly settings: StepUpSettings;
}

/**
 * Carries challenges to their end.
 *
 * The order of `verify` is what makes a code and a challenge single-use across workers and crashes:
 * a try is counted before the code is looked at, the code is spent before a grant exists, the
 * challenge takes the grant's claims before the record is written, and only a kept record makes it
 * `proven`. A crash in between leaves a spent code and no grant.
 *
 * `no_factor` tells that a subject has no factor, and only to who holds the random id of an open
 * challenge for it, which the decision gave to the caller that asked: the person must learn that
 * they have to enrol. Without such an id every subject looks the same.
 */
export function createStepUpRoom(parts: StepUpRoomParts): StepUp {
  const { challenges, factors, tokens, audit, clock, settings } = parts;
  const count = countersOf(parts.meter);

  const record = (challenge: ChallengeRecord, event: string, members = {}) =>
    audit.record("stile.step_up.v1", challenge.subject, event, {
      ...auditMembersOf(challenge),
      ...members,
    });
  const tell = (challenge: ChallengeRecord, kind: StepUpEvent["kind"]) =>
    tellEvent(parts, challenge, { kind, timeMs: clock.nowMs() });

  /** Counts a try on an open challenge. @returns the challenge with this try in it. */
  async function takeTry(challengeId: string): Promise<ChallengeRecord> {
    const { record } = await challenges.change(challengeId, (found) => {
      if (found.state !== "open") throw closedError(found);
      if (found.tries >= settings.triesMax) throw triesError();
      return { ...found, tries: found.tries + 1 };
    });
    return record;
  }

  async function fail(
    challenge: ChallengeRecord,
    outcome: Exclude<CodeOutcome, { kind: "right" }>,
  ): Promise<StileError> {
    count.failed.add(1);
    const error = errorOfCode(outcome);
    await record(challenge, error.code, { method: "totp", tries: challenge.tries });
    if (outcome.kind === "wrong") tell(challenge, "failed");
    return challenge.tries < settings.triesMax ? error : endByTries(challenge);
  }

  /** The last try was not right. A right one that is being recorded at this moment stays. */
  async function endByTries(challenge: ChallengeRecord): Promise<StileError> {
    const { changed } = await challenges.change(challenge.id, (found) =>
      found.state === "open" ? { ...found, state: "refused" } : undefined,
    );
    if (changed) {
      await record(challenge, "refused", { why: "too_many_tries" });
      tell(challenge, "refused");
    }
    return triesError();
  }

  /** The code is spent. The first to get here takes the challenge; its grant is not out yet. */
  async function takeProof(
    tried: ChallengeRecord,
    factorId: string,
    nowMs: number,
  ): Promise<ChallengeRecord> {
    const { record: found, changed } = await challenges.change(tried.id, (open) =>
      open.state === "open"
        ? { ...open, state: "proving", grant: earnedClaims(open, nowMs, settings) }
        : undefined,
    );
    if (changed) return found;
    await record(tried, "challenge_closed", { method: "totp", factor_id: factorId });
    throw closedError(found);
  }

  async function settle(challengeId: string, state: "proven" | "refused"): Promise<void> {
    const { changed } = await challenges.change(challengeId, (found) =>
      found.state === "proving" ? { ...found, state } : undefined,
    );
    if (!changed && state === "proven") {
      throw new StileError("challenge_closed", "the challenge ran out while it was being proven");
    }
  }

  /** Keeps the record of a proof; without it there is no grant. */
  async function recordProof(proving: ChallengeRecord, factorId: string): Promise<void> {
    try {
      await record(proving, "proven", {
        method: "totp",
        factor_id: factorId,
        ...earnedMembersOf(proving),
      });
    } catch (thrown) {
      const error = asStileError(thrown, "audit_unavailable", "record the proof");
      await settle(proving.id, "refused").catch((cause: unknown) =>
        parts.log.error("challenge_not_refused", { cause: describeError(cause) }),
      );
      throw error;
    }
  }

  return {
    watch: parts.watch,

    async view(challengeId) {
      const found = await challenges.read(challengeId);
      return {
        challenge: openChallengeOf(found),
        state: shownState(found.state),
        subject: { ...found.subject, properties: undefined },
        action: found.action,
        resource: found.resource,
        reasons: found.reasons,
        context: found.context,
      };
    },

    async verify(challengeId, code) {
      checkCode(code, "code");
      const nowMs = clock.nowMs();
      const found = await challenges.read(challengeId);
      if (found.state !== "open") throw closedError(found);
      const obstacle = await factors.obstacleOf(found.subject, nowMs);
      if (obstacle !== undefined && obstacle.kind !== "right") throw errorOfCode(obstacle);

      const tried = await takeTry(challengeId);
      const outcome = await factors.checkCode({
        subject: tried.subject,
        factorId: "",
        code,
        nowMs,
      });
      if (outcome.kind !== "right") throw await fail(tried, outcome);

      const proving = await takeProof(tried, outcome.factorId, nowMs);
      await recordProof(proving, outcome.factorId);
      await settle(challengeId, "proven");
      count.proven.add(1);
      tell(proving, "proven");
      return issuedGrant(proving, tokens);
    },

    async reject(challengeId) {
      await challenges.read(challengeId);
      const { record: refused } = await challenges.change(challengeId, (found) => {
        if (found.state !== "open") throw closedError(found);
        return { ...found, state: "refused" };
      });
      count.refused.add(1);
      tell(refused, "refused");
      await record(refused, "refused", { why: "rejected" });
    },
  };
}

function closedError(found: ChallengeRecord): StileError {
  const { state, tries } = found;
  const what = state === "proving" ? "is being proven by another code" : `is ${state}`;
  return new StileError("challenge_closed", `the challenge ${what} (after ${tries} codes)`);
}

function triesError(): StileError {
  return new StileError("too_many_tries", "too many codes were tried; ask for a new challenge");
}

function countersOf(meter: Meter): Readonly<Record<"proven" | "failed" | "refused", Counter>> {
  const counted = (result: string) =>
    meter.counter("stile_proofs_total", "Answers to step-up challenges.", { result });
  return { proven: counted("proven"), failed: counted("failed"), refused: counted("refused") };
}
