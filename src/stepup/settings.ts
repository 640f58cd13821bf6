import type { AuditAck } from "../core/decision.ts";

/** Bounds and times of step-ups. Each has a default; tests and configuration replace single ones. */
export interface StepUpSettings {
  /** `iss` of grants. */
  readonly issuer: string;
  /** `aud` of grants. */
  readonly audience: string;
  /** How safe the record of a step-up must be before its answer leaves. */
  readonly ack: AuditAck;
  readonly challengeTtlMs: number;
  /** How long an ended challenge can still be looked at. */
  readonly challengeKeptMs: number;
  /** Open challenges of one subject. */
  readonly openChallengesMax: number;
  /** Codes tried on one challenge or enrolment, the right one included. */
  readonly triesMax: number;
  /** Longest life of a grant, whatever a policy asks. */
  readonly grantLifeMaxS: number;
  /** Longest life of a one-use grant. */
  readonly onceLifeMaxS: number;
  /** How far ahead another replica's clock may be. */
  readonly clockSkewS: number;
  /** Authentication context classes, weakest first. Others count as weaker than all. */
  readonly acrOrder: readonly string[];
  /** Verified tokens, and spent grant ids, remembered by the process. */
  readonly knownTokensMax: number;
  readonly refusedTokensMax: number;
  readonly watchersMax: number;
  /** Pause between two looks at a watched challenge, which another worker may have ended. */
  readonly watchPollMs: number;
  readonly enrolmentTtlMs: number;
  /** Factors of one subject. */
  readonly factorsMax: number;
}

export const DEFAULT_SETTINGS: StepUpSettings = {
  issuer: "stile",
  audience: "stile",
  ack: "journal",
  challengeTtlMs: 5 * 60_000,
  challengeKeptMs: 10 * 60_000,
  openChallengesMax: 20,
  triesMax: 5,
  grantLifeMaxS: 12 * 3600,
  onceLifeMaxS: 5 * 60,
  clockSkewS: 2,
  acrOrder: ["aal1", "aal2", "phr", "phrh", "aal3"],
  knownTokensMax: 10_000,
  refusedTokensMax: 1_000,
  watchersMax: 10_000,
  watchPollMs: 500,
  enrolmentTtlMs: 10 * 60_000,
  factorsMax: 4,
};
