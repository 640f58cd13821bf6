import type { OpenChallenge, ProofMethod, StepUpDemand } from "../core/decision.ts";
import { asStileError, StileError } from "../core/errors.ts";
import type { ChallengeAsk, ChallengeOpener } from "../core/step-up.ts";
import type { StateRecord, StateStore } from "../core/store.ts";
import type { Meter } from "../core/telemetry.ts";
import { boundHash, sha256Of, subjectHash } from "./binding.ts";
import {
  type ChallengeRecord,
  challengeKey,
  challengeRecordOf,
  challengeText,
  openChallengeOf,
  readChallenge,
} from "./challenge-record.ts";
import { newId } from "./new-id.ts";
import type { StepUpSettings } from "./settings.ts";
import { readStored } from "./stored-fields.ts";

/** One open challenge of a subject: what was asked, as a hash, and the challenge for it. */
interface Pending {
  readonly ask: string;
  readonly id: string;
  readonly expiresAtMs: number;
}

const RACES_MAX = 100;

/**
 * Opens challenges. All pending ones of a subject stand in one record, so that asking again finds
 * the same challenge, and the bound on their number holds, whoever asks at the same time.
 */
export function createChallengeOpener(parts: {
  readonly store: StateStore;
  readonly meter: Meter;
  readonly settings: StepUpSettings;
}): ChallengeOpener {
  const { store, settings } = parts;
  const counted = (result: string) =>
    parts.meter.counter("stile_challenges_total", "Step-up challenges asked for.", { result });
  const openedCount = counted("opened");
  const reusedCount = counted("reused");
  const refusedCount = counted("refused");

  async function recordOf(id: string): Promise<ChallengeRecord | undefined> {
    const stored = await store.get(challengeKey(id));
    return stored === undefined ? undefined : readChallenge(stored.value);
  }

  function canBeProven(record: ChallengeRecord | undefined, nowMs: number): boolean {
    return (
      record !== undefined &&
      record.state === "open" &&
      record.tries < settings.triesMax &&
      nowMs < record.expiresAtMs
    );
  }

  /** Leaves out what has expired; where that is not enough, what ended before its time too. */
  async function stillPending(stored: readonly Pending[], nowMs: number): Promise<Pending[]> {
    const unexpired = stored.filter((pending) => nowMs < pending.expiresAtMs);
    if (unexpired.length < settings.openChallengesMax) return unexpired;
    const records = await Promise.all(unexpired.map((pending) => recordOf(pending.id)));
    return unexpired.filter((_, index) => canBeProven(records[index], nowMs));
  }

  async function makeChallenge(ask: ChallengeAsk): Promise<ChallengeRecord> {
    const expiresAtMs = ask.nowMs + settings.challengeTtlMs;
    const record = challengeRecordOf(ask, { id: newId(), expiresAtMs });
    const made = await store.compareAndSet({
      key: challengeKey(record.id),
      version: 0,
      value: challengeText(record),
      expiresAtMs: expiresAtMs + settings.challengeKeptMs,
    });
    if (!made) throw new StileError("internal", "a new challenge id was taken");
    return record;
  }

  async function dropChallenge(record: ChallengeRecord | undefined): Promise<void> {
    if (record === undefined) return;
    const key = challengeKey(record.id);
    await store.compareAndSet({ key, version: 1, value: null, expiresAtMs: null });
  }

  async function openOrFind(ask: ChallengeAsk): Promise<OpenChallenge> {
    const { nowMs } = ask;
    const key = `open/${subjectHash(ask.request.subject)}`;
    const askHash = askHashOf(ask);
    let made: ChallengeRecord | undefined;
    for (let race = 0; race < RACES_MAX; race += 1) {
      const stored = await store.get(key);
      const pending = await stillPending(pendingIn(stored), nowMs);
      const same = pending.find((each) => each.ask === askHash);
      const found = same === undefined ? undefined : await recordOf(same.id);
      if (found !== undefined && canBeProven(found, nowMs)) {
        await dropChallenge(made);
        reusedCount.add(1);
        return openChallengeOf(found);
      }
      const others = pending.filter((each) => each !== same);
      if (others.length >= settings.openChallengesMax) {
        await dropChallenge(made);
        throw new StileError(
          "step_up_unavailable",
          `the subject has ${others.length} open challenges; end one of them or wait`,
        );
      }
      // The challenge comes first: nobody may find a pointer to one that is not there.
      made ??= await makeChallenge(ask);
      const { id, expiresAtMs } = made;
      const all: readonly Pending[] = [...others, { ask: askHash, id, expiresAtMs }];
      const changed = await store.compareAndSet({
        key,
        version: stored?.version ?? 0,
        value: JSON.stringify({ pending: all }),
        expiresAtMs: Math.max(...all.map((each) => each.expiresAtMs)),
      });
      if (changed) {
        openedCount.add(1);
        return openChallengeOf(made);
      }
    }
    throw new StileError("step_up_unavailable", `open a challenge: lost ${RACES_MAX} races`);
  }

  return {
    async open(ask) {
      try {
        const offered = offeredOf(ask);
        checkDemand(offered, ask.demand);
        return await openOrFind(offered);
      } catch (thrown) {
        refusedCount.add(1);
        if (thrown instanceof StileError && thrown.code === "step_up_unavailable") throw thrown;
        throw new StileError("step_up_unavailable", "keep a challenge", {
          cause: asStileError(thrown, "internal", "open a challenge"),
        });
      }
    },
  };
}

/** Ways to prove that this room serves. */
const SERVED: readonly ProofMethod[] = ["totp"];

/** A person is offered only what can be done here, whatever else the policy would take. */
function offeredOf(ask: ChallengeAsk): ChallengeAsk {
  const methods = ask.demand.methods.filter((method) => SERVED.includes(method));
  return { ...ask, demand: { ...ask.demand, methods } };
}

/** @throws StileError `step_up_unavailable` for a demand that nothing here can meet. */
function checkDemand({ demand }: ChallengeAsk, asked: StepUpDemand): void {
  if (demand.methods.length === 0) {
    throw new StileError(
      "step_up_unavailable",
      `the policy asks for ${asked.methods.join(" or ") || "no method"}; there is ${SERVED.join(", ")}`,
    );
  }
  if (!(demand.maxAgeS >= 1)) {
    throw new StileError(
      "step_up_unavailable",
      `the policy asks for a proof at most ${demand.maxAgeS} s old, expected 1 or more`,
    );
  }
}

/** The same for the same subject, action, resource, parameters and demand. */
function askHashOf({ request, demand }: ChallengeAsk): string {
  return sha256Of({
    shown: boundHash(request, "action"),
    bound: boundHash(request, demand.bind),
    demand: { ...demand },
  });
}

function pendingIn(stored: StateRecord | undefined): readonly Pending[] {
  if (stored === undefined) return [];
  return readStored("a record of open challenges", stored.value)
    .list("pending")
    .map((fields) => ({
      ask: fields.text("ask"),
      id: fields.text("id"),
      expiresAtMs: fields.number("expiresAtMs"),
    }));
}
