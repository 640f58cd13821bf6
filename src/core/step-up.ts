import type {
  Action,
  DecisionRequest,
  Entity,
  GrantBinding,
  OpenChallenge,
  PolicyRef,
  Reason,
  StepUpDemand,
} from "./decision.ts";
import type { JsonObject } from "./json.ts";

/** What a policy reads at `input.authn`: the strongest verified grant bound to the request. */
export interface Authn {
  readonly acr: string;
  /** RFC 8176 */
  readonly amr: readonly string[];
  /** Seconds since the Unix epoch. */
  readonly authTimeS: number;
  readonly ageS: number;
  readonly bind: GrantBinding;
  readonly once: boolean;
  /** `jti` of the grant, for the audit record. */
  readonly grantId: string;
}

/** Reads grants on the decision path. */
export interface Grants {
  /** @returns whether every token has been verified or refused before, so `authn` can answer. */
  known(tokens: readonly string[]): boolean;
  /** Verifies tokens and remembers the outcome, within a bound. Never rejects. */
  learn(tokens: readonly string[]): Promise<void>;
  /**
   * @param without grant ids to leave out, as spent.
   * @returns the strongest grant that is valid now and bound to this request, or undefined.
   */
  authn(request: DecisionRequest, nowMs: number, without: readonly string[]): Authn | undefined;
  /**
   * Spends a one-use grant.
   *
   * @returns false when it was spent before.
   * @throws StileError `state_unavailable`
   */
  spend(grantId: string, nowMs: number): Promise<boolean>;
}

/** What a challenge is opened for. */
export interface ChallengeAsk {
  readonly request: DecisionRequest;
  readonly demand: StepUpDemand;
  readonly reasons: readonly Reason[];
  readonly policy: PolicyRef;
  readonly decisionId: string;
  readonly nowMs: number;
}

/** Opens challenges on the decision path. */
export interface ChallengeOpener {
  /**
   * Opens a challenge, or returns the one already open for the same subject, action, resource,
   * parameters and demand.
   *
   * @throws StileError `step_up_unavailable` when it cannot be kept.
   */
  open(ask: ChallengeAsk): Promise<OpenChallenge>;
}

export type ChallengeState = "open" | "proven" | "refused" | "expired";

/** A challenge as shown to people and programs. */
export interface ChallengeView {
  readonly challenge: OpenChallenge;
  readonly state: ChallengeState;
  readonly subject: Entity;
  readonly action: Action;
  readonly resource: Entity;
  readonly reasons: readonly Reason[];
  readonly context: JsonObject;
}

/** What a proof earned. */
export interface IssuedGrant {
  readonly token: string;
  readonly expiresAtMs: number;
  readonly acr: string;
  readonly amr: readonly string[];
}

/** Carries challenges to their end. */
export interface StepUp {
  /** @throws StileError `unknown_challenge` */
  view(challengeId: string): Promise<ChallengeView>;
  /**
   * Proves a challenge by a TOTP code.
   *
   * @throws StileError `unknown_challenge`, `challenge_closed`, `no_factor`, `wrong_code`,
   *   `code_spent`, `too_many_tries`, `invalid_request` (not six digits), `audit_unavailable`
   */
  verify(challengeId: string, code: string): Promise<IssuedGrant>;
  /** @throws StileError `unknown_challenge`, `challenge_closed`, `audit_unavailable` */
  reject(challengeId: string): Promise<void>;
  /**
   * Yields the state now and at each change; the last one is not `open`. With `proven` comes the
   * grant, once.
   *
   * @throws StileError `unknown_challenge`, `overloaded`
   */
  watch(
    challengeId: string,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly state: ChallengeState; readonly grant: string }>;
}

/** A factor as listed; its secret stays inside. */
export interface FactorView {
  readonly id: string;
  readonly method: "totp";
  readonly enrolledAtMs: number;
}

export interface SubjectName {
  readonly type: string;
  readonly id: string;
}

/** Manages what a subject can prove itself with. */
export interface Factors {
  /**
   * @param currentCode a code of the confirmed factor; "" when there is none.
   * @throws StileError `factor_exists` when a factor is confirmed and no code of it is given,
   *   `wrong_code`, `code_spent`, `too_many_tries`, `audit_unavailable`
   */
  beginTotp(
    subject: SubjectName,
    currentCode: string,
  ): Promise<{
    readonly enrolmentId: string;
    readonly otpauthUri: string;
    readonly secret: string;
  }>;
  /**
   * @throws StileError `unknown_enrolment`, `wrong_code`, `too_many_tries`, `factor_exists`,
   *   `audit_unavailable`
   */
  confirmTotp(enrolmentId: string, code: string): Promise<{ readonly factorId: string }>;
  list(subject: SubjectName): Promise<readonly FactorView[]>;
  /**
   * @throws StileError `unknown_factor`, `wrong_code`, `code_spent`, `too_many_tries`,
   *   `audit_unavailable`
   */
  remove(subject: SubjectName, factorId: string, code: string): Promise<void>;
}
