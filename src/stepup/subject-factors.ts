import { type JsonObject } from "../core/json.ts";
import { readStored } from "./stored-fields.ts";

/** A confirmed factor as stored. */
export interface StoredFactor {
  readonly id: string;
  readonly method: "totp";
  readonly enrolledAtMs: number;
  /** See `SecretBox`. */
  readonly sealedSecret: string;
  /** Codes of this time step and all before are spent. */
  readonly lastStep: number;
}

/**
 * All that is kept of one subject, under one key: what is checked and what is spent then change
 * together or not at all.
 */
export interface SubjectFactors {
  /** In order of enrolment. */
  readonly factors: readonly StoredFactor[];
  /** Wrong codes since the last right one. */
  readonly wrongInARow: number;
  readonly lastWrongAtMs: number;
}

export const NO_FACTORS: SubjectFactors = { factors: [], wrongInARow: 0, lastWrongAtMs: 0 };

export function subjectFactorsText(stored: SubjectFactors): string {
  const factors: readonly JsonObject[] = stored.factors.map((factor) => ({ ...factor }));
  return JSON.stringify({ ...stored, factors });
}

/** @throws StileError `state_unavailable` */
export function readSubjectFactors(text: string): SubjectFactors {
  const fields = readStored("a record of factors", text);
  return {
    factors: fields.list("factors").map((factor) => ({
      id: factor.text("id"),
      method: factor.word("method", ["totp"] as const),
      enrolledAtMs: factor.number("enrolledAtMs"),
      sealedSecret: factor.text("sealedSecret"),
      lastStep: factor.number("lastStep"),
    })),
    wrongInARow: fields.number("wrongInARow"),
    lastWrongAtMs: fields.number("lastWrongAtMs"),
  };
}

const FREE_WRONG_CODES = 5;
const WAIT_MAX_MS = 15 * 60_000;

/**
 * How long the subject must wait until the next code is looked at: nothing for the first wrong
 * codes in a row, then 1 s, doubling to 15 min. A clock set back makes it longer, never shorter.
 *
 * @returns ms, 0 for none.
 * @see NIST SP 800-63B-4, section 3.2.2
 */
export function waitMsOf(stored: SubjectFactors, nowMs: number): number {
  const over = stored.wrongInARow - FREE_WRONG_CODES;
  if (over < 0) return 0;
  const waitMs = Math.min(1_000 * 2 ** Math.min(over, 30), WAIT_MAX_MS);
  return Math.max(0, stored.lastWrongAtMs + waitMs - nowMs);
}
