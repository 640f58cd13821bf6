import type { JsonObject } from "./json.ts";

/** A subject or a resource (AuthZEN 1.0, sections 5.1 and 5.2). */
export interface Entity {
  readonly type: string;
  readonly id: string;
  readonly properties: JsonObject | undefined;
}

/** What the subject wants to do (AuthZEN 1.0, section 5.3). */
export interface Action {
  readonly name: string;
  readonly properties: JsonObject | undefined;
}

/** One question, as a door has checked it. */
export interface DecisionRequest {
  readonly subject: Entity;
  readonly action: Action;
  readonly resource: Entity;
  readonly context: JsonObject;
  /** The context as JSON text; where the caller sent text, its own, so numbers keep their digits. */
  readonly contextText: string;
  /** Name of the policy; "" is the default one. */
  readonly policy: string;
  /** Grant tokens as received, at most 8. */
  readonly grants: readonly string[];
  /** Freshness token of a feature write that must be seen; "" for none. */
  readonly atLeastAsFresh: string;
  /** The caller's own id of the question; "" for none. */
  readonly requestId: string;
}

/** One ground of a decision: a stable code and a sentence for people. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** What the caller must do when acting on the decision. */
export interface Obligation {
  readonly id: string;
  readonly properties: JsonObject;
}

export type ProofMethod = "totp" | "passkey" | "approval" | "recovery";

/** What a grant opens: one action on one resource, all actions on it, or the session. */
export type GrantBinding = "action" | "resource" | "session";

/** What must be proven (RFC 9470: acr_values and max_age; RFC 8176: amr). */
export interface StepUpDemand {
  readonly amr: readonly string[];
  readonly acr: string;
  readonly maxAgeS: number;
  readonly methods: readonly ProofMethod[];
  readonly bind: GrantBinding;
  /** The grant opens one allow only. */
  readonly once: boolean;
}

/**
 * How safe the record must be before the answer leaves: written to the operating system, on
 * disk, or acknowledged by the brokers.
 */
export type AuditAck = "journal" | "synced" | "kafka";

/** What a policy said. */
export interface PolicyVerdict {
  readonly decision: "allow" | "deny" | "step_up";
  /** At least one. */
  readonly reasons: readonly Reason[];
  /** Present exactly when the decision is `step_up`. */
  readonly stepUp: StepUpDemand | undefined;
  readonly obligations: readonly Obligation[];
  /** Raises the loss contract for this one decision; never lowers the configured one. */
  readonly audit: AuditAck | undefined;
}

/** The policy that decided. */
export interface PolicyRef {
  readonly name: string;
  /** From the bundle's manifest; "" where it has none. */
  readonly revision: string;
  /** `sha256:` and 64 hex digits over policy, data and feature declarations. */
  readonly digest: string;
}

/** An open demand for a proof. */
export interface OpenChallenge {
  readonly id: string;
  readonly demand: StepUpDemand;
  /** ms since the Unix epoch. */
  readonly expiresAtMs: number;
}

/** Where an audit record stands. */
export interface Receipt {
  readonly instance: string;
  /** From 1, without gaps within the instance. */
  readonly sequence: number;
  /** SHA-256 of the record's bytes, 32 bytes. */
  readonly hash: Buffer;
}

interface Answered {
  readonly reasons: readonly Reason[];
  readonly obligations: readonly Obligation[];
  readonly decisionId: string;
  readonly policy: PolicyRef;
  /** Metered steps. */
  readonly cost: number;
  /** Absent only when the record could not be kept, and then the answer is a denial. */
  readonly receipt: Receipt | undefined;
  readonly requestId: string;
}

/** The answer to a request. */
export type Decision =
  | (Answered & { readonly kind: "allow" })
  | (Answered & { readonly kind: "deny" })
  | (Answered & { readonly kind: "step_up"; readonly challenge: OpenChallenge });

/**
 * @returns `type:id`, the name of a subject or resource in features and audit records. A colon in
 *   the type is escaped, so that two different entities never share a name.
 */
export function entityKey(entity: { readonly type: string; readonly id: string }): string {
  const { type } = entity;
  const isPlain = !type.includes(":") && !type.includes("%");
  return `${isPlain ? type : type.replaceAll("%", "%25").replaceAll(":", "%3A")}:${entity.id}`;
}
