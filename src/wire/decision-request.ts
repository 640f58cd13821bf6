import type { DecisionRequest, Entity } from "../core/decision.ts";
import { type FieldViolation, StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { DecideRequest } from "./gen/stile/v1/decision_pb.ts";

export const LIMITS = {
  typeChars: 256,
  idChars: 512,
  policyChars: 128,
  requestIdChars: 128,
  grants: 8,
  grantChars: 4096,
  tokenChars: 256,
  jsonBytes: 65_536,
  jsonDepth: 32,
} as const;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Checks a DecideRequest and turns it into the words of the core.
 *
 * @param at prefix for field paths, such as `requests[3].`.
 * @throws StileError `invalid_request`, with every violation found.
 */
export function requestFromMessage(message: DecideRequest, at = ""): DecisionRequest {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string): void => {
    violations.push({ field: at + field, description });
  };
  const subject = readEntity("subject", message.subject, refuse);
  const resource = readEntity("resource", message.resource, refuse);
  const action = message.action;
  if (action === undefined) refuse("action", "is missing; give a name");
  else checkText("action.name", action.name, LIMITS.typeChars, refuse);
  checkJson("action.properties", action?.properties, refuse);
  checkAtMost("policy", message.policy, LIMITS.policyChars, refuse);
  checkAtMost("request_id", message.requestId, LIMITS.requestIdChars, refuse);
  checkAtMost("at_least_as_fresh", message.atLeastAsFresh, LIMITS.tokenChars, refuse);
  checkGrants(message.grants, refuse);
  const context = readContext(message, refuse);
  if (violations.length > 0) throw invalidRequest(violations);
  return {
    subject,
    action: { name: action?.name ?? "", properties: action?.properties },
    resource,
    context: context.value,
    contextText: context.text,
    policy: message.policy,
    grants: message.grants,
    atLeastAsFresh: message.atLeastAsFresh,
    requestId: message.requestId,
  };
}

/** @returns the error that names the first violation in its message and carries them all. */
export function invalidRequest(violations: readonly FieldViolation[]): StileError {
  const first = violations[0];
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  const message =
    first === undefined ? "invalid request" : `${first.field} ${first.description}${more}`;
  return new StileError("invalid_request", message, { violations });
}

export type Refuse = (field: string, description: string) => void;

function readEntity(
  field: "subject" | "resource",
  message: DecideRequest["subject"] | DecideRequest["resource"],
  refuse: Refuse,
): Entity {
  if (message === undefined) {
    refuse(field, "is missing; give a type and an id");
    return { type: "", id: "", properties: undefined };
  }
  checkText(`${field}.type`, message.type, LIMITS.typeChars, refuse);
  checkText(`${field}.id`, message.id, LIMITS.idChars, refuse);
  checkJson(`${field}.properties`, message.properties, refuse);
  return { type: message.type, id: message.id, properties: message.properties };
}

export function checkText(field: string, text: string, charsMax: number, refuse: Refuse): void {
  if (text === "") refuse(field, `is empty; give 1 to ${charsMax} characters`);
  else checkAtMost(field, text, charsMax, refuse);
}

export function checkAtMost(field: string, text: string, charsMax: number, refuse: Refuse): void {
  if (text.length > charsMax) {
    refuse(field, `has ${text.length} characters; at most ${charsMax} are accepted`);
  } else if (text.includes("\u0000")) {
    refuse(field, "holds a NUL character; none is accepted");
  }
}

export function checkGrants(grants: readonly string[], refuse: Refuse): void {
  if (grants.length > LIMITS.grants) {
    refuse("grants", `holds ${grants.length} tokens; at most ${LIMITS.grants} are accepted`);
  }
  for (const [index, grant] of grants.entries()) {
    if (grant.length > LIMITS.grantChars) {
      refuse(`grants[${index}]`, `is longer than ${LIMITS.grantChars} characters`);
    }
  }
}

function readContext(
  message: DecideRequest,
  refuse: Refuse,
): { readonly value: JsonObject; readonly text: string } {
  const bytes = message.contextJson;
  if (bytes.length === 0) {
    if (message.context === undefined) return { value: {}, text: "{}" };
    checkJson("context", message.context, refuse);
    return { value: message.context, text: JSON.stringify(message.context) };
  }
  if (message.context !== undefined) {
    refuse("context_json", "is given beside context; give one of the two");
  }
  const parsed = parseContext(bytes);
  if (typeof parsed !== "string") return parsed;
  refuse("context_json", parsed);
  return { value: {}, text: "{}" };
}

/** @returns the parsed object and its text, or a description of what is wrong. */
function parseContext(
  bytes: Uint8Array,
): { readonly value: JsonObject; readonly text: string } | string {
  if (bytes.length > LIMITS.jsonBytes) {
    return `has ${bytes.length} bytes; at most ${LIMITS.jsonBytes} are accepted`;
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return "is not valid UTF-8; give the UTF-8 text of one JSON object";
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return `is not valid JSON (${thrown instanceof Error ? thrown.message : "unreadable"}); give the text of one JSON object`;
  }
  if (!isJsonObject(value)) return "is not a JSON object; give the text of one JSON object";
  if (deeperThan(value, LIMITS.jsonDepth)) {
    return `is nested deeper than ${LIMITS.jsonDepth} levels`;
  }
  return { value, text };
}

export function checkJson(field: string, value: JsonObject | undefined, refuse: Refuse): void {
  if (value === undefined) return;
  if (deeperThan(value, LIMITS.jsonDepth)) {
    refuse(field, `is nested deeper than ${LIMITS.jsonDepth} levels`);
  } else if (JSON.stringify(value).length > LIMITS.jsonBytes) {
    refuse(field, `is larger than ${LIMITS.jsonBytes} bytes as JSON`);
  }
}

function deeperThan(value: JsonValue, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((child: JsonValue) => deeperThan(child, levels - 1));
}
