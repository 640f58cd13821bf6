import { StileError, unreachable } from "../core/errors.ts";
import type { SubjectName } from "../core/step-up.ts";
import type { StateRecord, StateStore } from "../core/store.ts";
import { subjectHash } from "./binding.ts";
import { type Change, changeRecord } from "./changing.ts";
import type { SecretBox } from "./secret-box.ts";
import {
  NO_FACTORS,
  readSubjectFactors,
  type StoredFactor,
  type SubjectFactors,
  subjectFactorsText,
  waitMsOf,
} from "./subject-factors.ts";
import { newTotpSecret, totpStepOf } from "./totp.ts";

/** How a code fared. `right` has been spent: it will not be right again. */
export type CodeOutcome =
  | { readonly kind: "right"; readonly factorId: string }
  | { readonly kind: "wrong" }
  | { readonly kind: "spent"; readonly factorId: string }
  | { readonly kind: "no_factor" }
  | { readonly kind: "waiting"; readonly waitMs: number };

/** The confirmed factors of all subjects. */
export interface FactorBook {
  /** @throws StileError `state_unavailable` */
  factorsOf(subject: SubjectName): Promise<readonly StoredFactor[]>;
  /** @returns why no code of the subject would be looked at now; undefined when one would. */
  obstacleOf(subject: SubjectName, nowMs: number): Promise<CodeOutcome | undefined>;
  /**
   * Checks a code, and spends it or counts it as wrong in the same change of the store. Of any
   * number of concurrent calls with one code at most one is told `right`.
   *
   * @param ask.factorId only this factor; "" for any of the subject.
   * @throws StileError `state_unavailable`
   */
  checkCode(ask: {
    readonly subject: SubjectName;
    readonly factorId: string;
    readonly code: string;
    readonly nowMs: number;
  }): Promise<CodeOutcome>;
  /**
   * Changes the list of factors.
   *
   * @param edit returns the new list, or undefined to leave it; may be called several times.
   * @returns whether it was changed.
   */
  editFactors(
    subject: SubjectName,
    edit: (factors: readonly StoredFactor[]) => readonly StoredFactor[] | undefined,
  ): Promise<boolean>;
  /** @returns the secret, sealed for this factor of this subject. */
  seal(subject: SubjectName, factorId: string, secret: string): string;
  /** @throws StileError `state_unavailable` */
  unseal(subject: SubjectName, factorId: string, sealedSecret: string): string;
}

export function createFactorBook(parts: {
  readonly store: StateStore;
  readonly box: SecretBox;
}): FactorBook {
  const { store, box } = parts;
  const nobodysSecret = newTotpSecret();

  function changeFactors<Answer>(
    subject: SubjectName,
    decide: (stored: SubjectFactors) => Change<Answer>,
  ): Promise<Answer> {
    return changeRecord(store, keyOf(subject), (record) => decide(factorsIn(record)));
  }

  function unseal(subject: SubjectName, factorId: string, sealedSecret: string): string {
    return box.open(sealedSecret, placeOf(subject, factorId)).toString("utf8");
  }

  return {
    unseal,
    seal: (subject, factorId, secret) =>
      box.seal(Buffer.from(secret, "utf8"), placeOf(subject, factorId)),

    async factorsOf(subject) {
      return factorsIn(await store.get(keyOf(subject))).factors;
    },

    async obstacleOf(subject, nowMs) {
      const stored = factorsIn(await store.get(keyOf(subject)));
      if (stored.factors.length === 0) return { kind: "no_factor" };
      const waitMs = waitMsOf(stored, nowMs);
      return waitMs > 0 ? { kind: "waiting", waitMs } : undefined;
    },

    checkCode({ subject, factorId, code, nowMs }) {
      return changeFactors<CodeOutcome>(subject, (stored) => {
        const asked = stored.factors.filter((factor) => factorId === "" || factor.id === factorId);
        if (asked.length === 0) {
          totpStepOf({ secret: nobodysSecret, code, nowMs }); // takes as long as a wrong code
          return { kind: "keep", answer: { kind: "no_factor" } };
        }
        const waitMs = waitMsOf(stored, nowMs);
        if (waitMs > 0) return { kind: "keep", answer: { kind: "waiting", waitMs } };
        const steps = asked.map((factor) => {
          const secret = unseal(subject, factor.id, factor.sealedSecret);
          return { factor, step: totpStepOf({ secret, code, nowMs }) };
        });
        const match = steps.find(({ step }) => step !== undefined);
        if (match?.step === undefined) {
          const wrongInARow = stored.wrongInARow + 1;
          return storing({ kind: "wrong" }, { ...stored, wrongInARow, lastWrongAtMs: nowMs });
        }
        const { factor, step } = match;
        const answer = { factorId: factor.id };
        if (step <= factor.lastStep) return { kind: "keep", answer: { kind: "spent", ...answer } };
        const factors = stored.factors.map((each) =>
          each === factor ? { ...factor, lastStep: step } : each,
        );
        return storing({ kind: "right", ...answer }, { ...NO_FACTORS, factors });
      });
    },

    editFactors: (subject, edit) =>
      changeFactors<boolean>(subject, (stored) => {
        const factors = edit(stored.factors);
        if (factors === undefined) return { kind: "keep", answer: false };
        return storing(true, { ...stored, factors });
      }),
  };
}

function storing<Answer>(answer: Answer, factors: SubjectFactors): Change<Answer> {
  return { kind: "store", answer, value: subjectFactorsText(factors), expiresAtMs: null };
}

function factorsIn(record: StateRecord | undefined): SubjectFactors {
  return record === undefined ? NO_FACTORS : readSubjectFactors(record.value);
}

function keyOf(subject: SubjectName): string {
  return `factor/${subjectHash(subject)}`;
}

/** What a sealed secret is bound to, so that a record copied to another subject opens nothing. */
function placeOf(subject: SubjectName, factorId: string): string {
  return `totp ${subjectHash(subject)} ${factorId}`;
}

/** @returns the error that tells a person how the code fared. */
export function errorOfCode(outcome: Exclude<CodeOutcome, { kind: "right" }>): StileError {
  switch (outcome.kind) {
    case "wrong":
      return new StileError("wrong_code", "the code is not the one the authenticator shows now");
    case "spent":
      return new StileError("code_spent", "the code was used before; wait for the next one");
    case "no_factor":
      return new StileError("no_factor", "the subject has no authenticator enrolled");
    case "waiting": {
      const waitS = Math.ceil(outcome.waitMs / 1000);
      return new StileError("too_many_tries", `too many wrong codes in a row; wait ${waitS} s`);
    }
    default:
      return unreachable(outcome);
  }
}
