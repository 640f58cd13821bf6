import type { DecisionRequest, Entity } from "../core/decision.ts";
import { entityKey } from "../core/decision.ts";
import type { FeatureQuery, FeatureSnapshot } from "../core/features.ts";
import type { JsonValue } from "../core/json.ts";
import type { Authn } from "../core/step-up.ts";

/**
 * The policy's input document as JSON text: `subject`, `action`, `resource`, `context`, `authn`
 * (when a grant is bound to the request), `features`, `freshness`, `now_ns`. The audit record
 * keeps this very text, so a decision replays from its record.
 */
export function inputTextOf(
  request: DecisionRequest,
  authn: Authn | undefined,
  snapshot: FeatureSnapshot,
  nowNs: string,
): string {
  const { action } = request;
  const actionText = `{"name":${JSON.stringify(action.name)}${propertiesText(action.properties)}}`;
  const authnText = authn === undefined ? "" : `"authn":${authnTextOf(authn)},`;
  return `{"subject":${entityText(request.subject)},"action":${actionText},"resource":${entityText(request.resource)},"context":${request.contextText},${authnText}"features":${snapshot.featuresText},"freshness":${snapshot.freshnessText},"now_ns":${nowNs}}`;
}

/** @returns the ids by which features are joined; "" where the request names none. */
export function featureQueryOf(request: DecisionRequest): FeatureQuery {
  const { context } = request;
  return {
    subject: entityKey(request.subject),
    device: textOf(context["device_id"]),
    session: textOf(context["session_id"]),
    resource: entityKey(request.resource),
    address: textOf(context["ip"]),
  };
}

function entityText(entity: Entity): string {
  return `{"type":${JSON.stringify(entity.type)},"id":${JSON.stringify(entity.id)}${propertiesText(entity.properties)}}`;
}

function propertiesText(properties: Entity["properties"]): string {
  return properties === undefined ? "" : `,"properties":${JSON.stringify(properties)}`;
}

function authnTextOf(authn: Authn): string {
  return JSON.stringify({
    acr: authn.acr,
    amr: authn.amr,
    auth_time: authn.authTimeS,
    age_s: authn.ageS,
    bind: authn.bind,
    once: authn.once,
  });
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}
