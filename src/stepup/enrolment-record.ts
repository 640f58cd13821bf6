import type { SubjectName } from "../core/step-up.ts";
import { subjectHash } from "./binding.ts";
import { newId } from "./new-id.ts";
import { readStored } from "./stored-fields.ts";

/** A secret that waits for its first code. A subject has at most one; a later one replaces it. */
export interface EnrolmentRecord {
  readonly id: string;
  readonly subject: SubjectName;
  readonly factorId: string;
  /** See `SecretBox`. */
  readonly sealedSecret: string;
  /** Whether it was begun with a code of a confirmed factor. */
  readonly proven: boolean;
  readonly expiresAtMs: number;
  /** Codes tried, counted before each is looked at. */
  readonly tries: number;
  /** Confirmed or given up: it takes no more codes. */
  readonly ended: boolean;
}

const SUBJECT_HASH_CHARACTERS = 43;
const ID = /^[A-Za-z0-9_-]{65}$/;

/** @returns an id that tells under which key the enrolment of the subject is kept. */
export function newEnrolmentId(subject: SubjectName): string {
  return `${subjectHash(subject)}${newId()}`;
}

/** @returns undefined for text that is no enrolment id. */
export function enrolmentKey(id: string): string | undefined {
  return ID.test(id) ? `enrolment/${id.slice(0, SUBJECT_HASH_CHARACTERS)}` : undefined;
}

export function enrolmentText(record: EnrolmentRecord): string {
  return JSON.stringify(record);
}

/** @throws StileError `state_unavailable` */
export function readEnrolment(text: string): EnrolmentRecord {
  const fields = readStored("a record of an enrolment", text);
  const subject = fields.fields("subject");
  return {
    id: fields.text("id"),
    subject: { type: subject.text("type"), id: subject.text("id") },
    factorId: fields.text("factorId"),
    sealedSecret: fields.text("sealedSecret"),
    proven: fields.truth("proven"),
    expiresAtMs: fields.number("expiresAtMs"),
    tries: fields.number("tries"),
    ended: fields.truth("ended"),
  };
}
