import type { Decision, DecisionRequest } from "../core/decision.ts";
import type { Evaluation } from "../core/policy.ts";
import type { Authn } from "../core/step-up.ts";

/**
 * The members of a decision's audit record, as JSON text without the braces: the answer, and all
 * that it was read from. `input` and `result` are the texts that went into the policy and came
 * out of it, unchanged.
 */
export function recordMembersOf(parts: {
  readonly decision: Pick<Decision, "kind" | "reasons" | "obligations" | "policy" | "cost">;
  readonly request: DecisionRequest;
  readonly evaluation: Evaluation;
  readonly inputText: string;
  readonly authn: Authn | undefined;
  readonly challengeId: string;
}): string {
  const { decision, request, evaluation } = parts;
  const { policy } = decision;
  let text = `"outcome":"${decision.kind}","reasons":${JSON.stringify(decision.reasons)},"policy":{"name":${JSON.stringify(policy.name)},"revision":${JSON.stringify(policy.revision)},"digest":"${policy.digest}"},"cost":${decision.cost}`;
  if (decision.obligations.length > 0) {
    text += `,"obligations":${JSON.stringify(decision.obligations.map((one) => ({ id: one.id, ...one.properties })))}`;
  }
  if (request.requestId !== "") text += `,"request_id":${JSON.stringify(request.requestId)}`;
  // How many were shown: those that did not fit appear nowhere else.
  if (request.grants.length > 0) text += `,"grants_presented":${request.grants.length}`;
  if (parts.challengeId !== "") text += `,"challenge_id":${JSON.stringify(parts.challengeId)}`;
  if (parts.authn !== undefined) text += `,"grant_id":${JSON.stringify(parts.authn.grantId)}`;
  if (evaluation.kind === "fault") {
    text += `,"fault":{"kind":"${evaluation.fault}","message":${JSON.stringify(evaluation.cause.message.slice(0, 1000))}}`;
  } else {
    text += `,"result":${evaluation.resultText}`;
  }
  return `${text},"input":${parts.inputText}`;
}
