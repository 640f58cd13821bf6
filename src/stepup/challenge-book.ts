import type { Clock } from "../core/clock.ts";
import { describeError, StileError } from "../core/errors.ts";
import type { StateRecord, StateStore } from "../core/store.ts";
import type { Log } from "../core/telemetry.ts";
import {
  auditMembersOf,
  type ChallengeRecord,
  challengeKey,
  challengeText,
  readChallenge,
} from "./challenge-record.ts";
import type { ChallengeWaits } from "./challenge-waits.ts";
import { type Change, changeRecord } from "./changing.ts";
import type { StepUpSettings } from "./settings.ts";
import type { StepUpAudit } from "./step-up-audit.ts";

/** Reads and changes stored challenges. */
export interface ChallengeBook {
  /**
   * Reads a challenge; one found past its end becomes `expired`, which is recorded.
   *
   * @throws StileError `unknown_challenge`, `state_unavailable`
   */
  read(id: string): Promise<ChallengeRecord>;
  /**
   * Changes a challenge if `next` says so, on what is stored at that moment.
   *
   * @param next returns the new record, or undefined to leave it; may be called several times; what
   *   it throws ends the change.
   * @returns the record as it stands now, and whether this call changed it.
   */
  change(
    id: string,
    next: (record: ChallengeRecord) => ChallengeRecord | undefined,
  ): Promise<{ readonly record: ChallengeRecord; readonly changed: boolean }>;
}

export interface ChallengeBookParts {
  readonly store: StateStore;
  readonly audit: StepUpAudit;
  readonly clock: Clock;
  readonly log: Log;
  readonly waits: ChallengeWaits;
  readonly settings: StepUpSettings;
}

export function createChallengeBook(parts: ChallengeBookParts): ChallengeBook {
  const { store, audit, clock, log, waits, settings } = parts;

  async function change(
    id: string,
    next: (record: ChallengeRecord) => ChallengeRecord | undefined,
  ): Promise<{ readonly record: ChallengeRecord; readonly changed: boolean }> {
    const outcome = await changeRecord(store, keyOf(id), (stored) => {
      const record = recordIn(stored);
      const changed = next(record);
      return changed === undefined
        ? { kind: "keep", answer: { record, changed: false } }
        : storing(changed, settings.challengeKeptMs);
    });
    if (outcome.changed) waits.wake(id);
    return outcome;
  }

  async function expire(id: string): Promise<ChallengeRecord> {
    const { record, changed } = await change(id, (found) =>
      isOver(found, clock.nowMs()) ? { ...found, state: "expired" } : undefined,
    );
    if (!changed) return record;
    try {
      await audit.record("stile.step_up.v1", record.subject, "expired", auditMembersOf(record));
    } catch (thrown) {
      // Nothing was opened, so whoever looks at the challenge still gets an answer.
      log.error("step_up_not_recorded", { event: "expired", cause: describeError(thrown) });
    }
    return record;
  }

  return {
    change,
    async read(id) {
      const record = recordIn(await store.get(keyOf(id)));
      return isOver(record, clock.nowMs()) ? expire(id) : record;
    },
  };
}

function storing(
  record: ChallengeRecord,
  keptMs: number,
): Change<{ readonly record: ChallengeRecord; readonly changed: boolean }> {
  const expiresAtMs = record.expiresAtMs + keptMs;
  const value = challengeText(record);
  return { kind: "store", answer: { record, changed: true }, value, expiresAtMs };
}

/** Whether it ran out of time: also a proof that was begun and never recorded, as after a crash. */
function isOver(record: ChallengeRecord, nowMs: number): boolean {
  return (record.state === "open" || record.state === "proving") && nowMs >= record.expiresAtMs;
}

/** An id that cannot be one of ours is not looked up: keys of the store have a longest length. */
function keyOf(id: string): string {
  if (!/^[A-Za-z0-9_-]{22}$/.test(id)) throw unknownChallenge();
  return challengeKey(id);
}

function recordIn(stored: StateRecord | undefined): ChallengeRecord {
  if (stored === undefined) throw unknownChallenge();
  return readChallenge(stored.value);
}

function unknownChallenge(): StileError {
  return new StileError("unknown_challenge", "there is no such challenge, or it ended long ago");
}
