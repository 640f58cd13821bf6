import type { PolicyRef, PolicyVerdict } from "./decision.ts";
import type { FeatureDeclaration } from "./features.ts";

/**
 * Why an evaluation gave no verdict. Each becomes a denial with the reason code `policy_<fault>`.
 *
 * - `undefined`: the entrypoint has no value for this input;
 * - `malformed`: its value is not of the agreed shape;
 * - `trapped`: the policy aborted, or the WASM trapped;
 * - `budget_exceeded`, `memory_exceeded`: it wanted more than it may have;
 * - `input_rejected`: the engine could not read the input text.
 */
export const POLICY_FAULTS = [
  "undefined",
  "malformed",
  "trapped",
  "budget_exceeded",
  "memory_exceeded",
  "input_rejected",
] as const;
export type PolicyFault = (typeof POLICY_FAULTS)[number];

export type Evaluation =
  | {
      readonly kind: "verdict";
      readonly verdict: PolicyVerdict;
      /** The policy's value as JSON text, as the audit record keeps it. */
      readonly resultText: string;
      readonly cost: number;
    }
  | {
      readonly kind: "fault";
      readonly fault: PolicyFault;
      readonly cause: Error;
      readonly cost: number;
    };

/** One bundle in force. */
export interface Policy {
  readonly ref: PolicyRef;
  readonly features: readonly FeatureDeclaration[];
  /**
   * Evaluates the entrypoint `stile/decision`. Synchronous, never throws.
   *
   * @param inputText JSON text of the input document.
   * @param nowNs what `time.now_ns` answers throughout this evaluation, as decimal digits.
   * @param seed what random values are drawn from; the decision's id.
   */
  evaluate(inputText: string, nowNs: string, seed: string): Evaluation;
}

/** What is known of a policy's bundle, for operators. */
export interface BundleStatus {
  readonly policy: PolicyRef;
  readonly source: string;
  readonly activatedAtMs: number;
  /** Why a newer bundle was not taken; "" when the newest is in force. */
  readonly lastError: string;
}

/** The policies in force, by name. */
export interface Policies {
  /** @returns the bundle in force at this instant; keep it for the whole decision. */
  current(name: string): Policy | undefined;
  list(): readonly BundleStatus[];
}
