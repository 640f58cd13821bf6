import type { Clock } from "../core/clock.ts";
import { StileError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Factors, SubjectName } from "../core/step-up.ts";
import type { StateStore } from "../core/store.ts";
import { type Change, changeRecord } from "./changing.ts";
import {
  type EnrolmentRecord,
  enrolmentKey,
  enrolmentText,
  newEnrolmentId,
  readEnrolment,
} from "./enrolment-record.ts";
import { errorOfCode, type FactorBook } from "./factor-book.ts";
import { newId } from "./new-id.ts";
import type { StepUpSettings } from "./settings.ts";
import type { StepUpAudit } from "./step-up-audit.ts";
import type { StoredFactor } from "./subject-factors.ts";
import { checkCode, newTotpSecret, otpauthUri, totpStepOf } from "./totp.ts";

const NAME_CHARACTERS_MAX = 512;

export interface FactorsParts {
  readonly store: StateStore;
  readonly factors: FactorBook;
  readonly audit: StepUpAudit;
  readonly clock: Clock;
  readonly settings: StepUpSettings;
}

/**
 * Enrols, lists and removes factors. The first factor of a subject is taken on trust of the
 * caller; each further one, and each removal, needs a code of a confirmed one.
 */
export function createFactors(parts: FactorsParts): Factors {
  const { store, factors, audit, clock, settings } = parts;

  const record = (subject: SubjectName, event: string, members: JsonObject) =>
    audit.record("stile.factor.v1", subject, event, { method: "totp", ...members });

  /** Spends a code of a confirmed factor. @throws the error that tells how the code fared. */
  async function proveBy(subject: SubjectName, factorId: string, code: string): Promise<void> {
    const nowMs = clock.nowMs();
    const outcome = await factors.checkCode({ subject, factorId, code, nowMs });
    if (outcome.kind === "right") return;
    const error = errorOfCode(outcome);
    await record(subject, error.code, { factor_id: factorId });
    throw error;
  }

  function changeEnrolment<Answer>(
    id: string,
    decide: (found: EnrolmentRecord) => Change<Answer>,
  ): Promise<Answer> {
    const key = enrolmentKey(id);
    if (key === undefined) throw unknownEnrolment();
    return changeRecord(store, key, (stored) => {
      const found = stored === undefined ? undefined : readEnrolment(stored.value);
      if (found === undefined || found.id !== id || found.ended) throw unknownEnrolment();
      if (clock.nowMs() >= found.expiresAtMs) throw unknownEnrolment();
      return decide(found);
    });
  }

  const takeTry = (id: string): Promise<EnrolmentRecord> =>
    changeEnrolment(id, (found) => {
      if (found.tries >= settings.triesMax) throw enrolmentTriesError();
      return storing({ ...found, tries: found.tries + 1 });
    });

  /** Of any number of calls exactly one ends it; the others see `unknown_enrolment`. */
  const endEnrolment = (id: string): Promise<EnrolmentRecord> =>
    changeEnrolment(id, (found) => storing({ ...found, ended: true }));

  async function failConfirm(found: EnrolmentRecord): Promise<StileError> {
    await record(found.subject, "wrong_code", { factor_id: found.factorId, tries: found.tries });
    if (found.tries < settings.triesMax) {
      return new StileError("wrong_code", "the code is not one of the new secret");
    }
    return enrolmentTriesError();
  }

  /** What stands against one more factor: none but a proven enrolment adds to what is confirmed. */
  function objectionTo(
    found: EnrolmentRecord,
    confirmed: readonly StoredFactor[],
  ): StileError | undefined {
    if (confirmed.length > 0 && !found.proven) {
      return new StileError(
        "factor_exists",
        "another factor was confirmed meanwhile; begin again with a code of it",
      );
    }
    return confirmed.length < settings.factorsMax ? undefined : tooManyFactors(confirmed.length);
  }

  return {
    async beginTotp(subject, currentCode) {
      checkSubject(subject);
      if (currentCode !== "") checkCode(currentCode, "current_code");
      const confirmed = await factors.factorsOf(subject);
      if (confirmed.length >= settings.factorsMax) throw tooManyFactors(confirmed.length);
      if (confirmed.length > 0) {
        if (currentCode === "") {
          throw new StileError("factor_exists", "a factor is confirmed; give a code of it");
        }
        await proveBy(subject, "", currentCode);
      }
      const secret = newTotpSecret();
      const factorId = newId();
      const enrolment: EnrolmentRecord = {
        id: newEnrolmentId(subject),
        subject: { type: subject.type, id: subject.id },
        factorId,
        sealedSecret: factors.seal(subject, factorId, secret),
        proven: confirmed.length > 0,
        expiresAtMs: clock.nowMs() + settings.enrolmentTtlMs,
        tries: 0,
        ended: false,
      };
      await record(subject, "enrolment_begun", { factor_id: factorId });
      await changeRecord(store, enrolmentKey(enrolment.id) ?? "", () => storing(enrolment));
      return {
        enrolmentId: enrolment.id,
        otpauthUri: otpauthUri({ account: subject.id, secret }),
        secret,
      };
    },

    async confirmTotp(enrolmentId, code) {
      checkCode(code, "code");
      const tried = await takeTry(enrolmentId);
      const { subject, factorId, sealedSecret } = tried;
      const nowMs = clock.nowMs();
      const secret = factors.unseal(subject, factorId, sealedSecret);
      const lastStep = totpStepOf({ secret, code, nowMs });
      if (lastStep === undefined) throw await failConfirm(tried);
      const objection = objectionTo(tried, await factors.factorsOf(subject));
      if (objection !== undefined) throw objection;
      await endEnrolment(enrolmentId);
      await record(subject, "enrolled", { factor_id: factorId });

      let lateObjection: StileError | undefined;
      const factor = { id: factorId, method: "totp", enrolledAtMs: nowMs, sealedSecret, lastStep };
      await factors.editFactors(subject, (confirmed) => {
        lateObjection = objectionTo(tried, confirmed);
        return lateObjection === undefined
          ? [...confirmed, { ...factor, method: "totp" }]
          : undefined;
      });
      if (lateObjection !== undefined) {
        await record(subject, "enrolment_refused", { factor_id: factorId });
        throw lateObjection;
      }
      return { factorId };
    },

    async list(subject) {
      checkSubject(subject);
      const confirmed = await factors.factorsOf(subject);
      return confirmed.map(({ id, method, enrolledAtMs }) => ({ id, method, enrolledAtMs }));
    },

    async remove(subject, factorId, code) {
      checkSubject(subject);
      checkCode(code, "code");
      const confirmed = await factors.factorsOf(subject);
      if (!confirmed.some((factor) => factor.id === factorId)) throw unknownFactor();
      await proveBy(subject, factorId, code);
      await record(subject, "removed", { factor_id: factorId });
      const removed = await factors.editFactors(subject, (found) => {
        const others = found.filter((factor) => factor.id !== factorId);
        return others.length < found.length ? others : undefined;
      });
      if (!removed) throw unknownFactor();
    },
  };
}

function storing(record: EnrolmentRecord): Change<EnrolmentRecord> {
  const { expiresAtMs } = record;
  return { kind: "store", answer: record, value: enrolmentText(record), expiresAtMs };
}

function checkSubject(subject: SubjectName): void {
  for (const field of ["type", "id"] as const) {
    const { length } = subject[field];
    if (length > 0 && length <= NAME_CHARACTERS_MAX) continue;
    const description = `expected 1 to ${NAME_CHARACTERS_MAX} characters, it has ${length}`;
    throw new StileError("invalid_request", `subject_${field}: ${description}`, {
      violations: [{ field: `subject_${field}`, description }],
    });
  }
}

function unknownEnrolment(): StileError {
  return new StileError(
    "unknown_enrolment",
    "there is no such enrolment: it ended, ran out, or a later one took its place",
  );
}

function unknownFactor(): StileError {
  return new StileError("unknown_factor", "the subject has no such factor");
}

function enrolmentTriesError(): StileError {
  return new StileError("too_many_tries", "too many codes were tried; begin the enrolment again");
}

function tooManyFactors(count: number): StileError {
  return new StileError("factor_exists", `the subject has ${count} factors, which is the most`);
}
