import type { Decision } from "../core/decision.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";

/**
 * @returns what OPA's Data API answers of the document `stile/decision`: the decision in the
 *   spelling of Rego, with the id and the expiry of the challenge that a step-up opened.
 */
export function opaFromDecision(decision: Decision): JsonObject {
  const result: Record<string, JsonValue> = {
    decision: decision.kind,
    reasons: decision.reasons.map(({ code, message }) => ({ code, message })),
    obligations: decision.obligations.map(({ id, properties }) => ({ ...properties, id })),
  };
  if (decision.kind === "step_up") {
    const { id, demand, expiresAtMs } = decision.challenge;
    result["step_up"] = {
      amr: demand.amr,
      acr: demand.acr,
      max_age: demand.maxAgeS,
      methods: demand.methods,
      bind: demand.bind,
      once: demand.once,
    };
    result["challenge"] = { id, expires_at: new Date(expiresAtMs).toISOString() };
  }
  return { result, decision_id: decision.decisionId };
}
