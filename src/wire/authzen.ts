import type { Action, Decision, DecisionRequest, Entity } from "../core/decision.ts";
import type { FieldViolation } from "../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { jsonMembers } from "../core/json-members.ts";
import {
  checkAtMost,
  checkGrants,
  checkJson,
  checkText,
  invalidRequest,
  LIMITS,
  type Refuse,
} from "./decision-request.ts";

/** The members of a question (AuthZEN 1.0, section 6.1), as far as they are there. */
export interface QuestionJson {
  readonly subject: JsonValue | undefined;
  readonly action: JsonValue | undefined;
  readonly resource: JsonValue | undefined;
  readonly context: JsonValue | undefined;
  /** The context as the caller wrote it; "" where there is none. */
  readonly contextText: string;
}

/** What a question has from elsewhere than its members. */
export interface Asking {
  /** Name of the policy; "" is the default one. */
  readonly policy: string;
  /** The header X-Request-ID; "" for none. */
  readonly requestId: string;
}

/** @param text the text of the object. */
export function questionFromJson(object: JsonObject, text: string): QuestionJson {
  const { subject, action, resource, context } = object;
  const contextText = context === undefined ? "" : (jsonMembers(text)?.get("context") ?? "");
  return { subject, action, resource, context, contextText };
}

/** @returns one evaluation of many: each member it has replaces the whole default. */
export function withDefaults(question: QuestionJson, defaults: QuestionJson): QuestionJson {
  const own = question.context !== undefined;
  return {
    subject: question.subject === undefined ? defaults.subject : question.subject,
    action: question.action === undefined ? defaults.action : question.action,
    resource: question.resource === undefined ? defaults.resource : question.resource,
    context: own ? question.context : defaults.context,
    contextText: own ? question.contextText : defaults.contextText,
  };
}

/**
 * Checks a question by the limits of a DecideRequest, and turns it into the words of the core.
 * The context's member `grants` becomes the grants of the request, and the policy does not see it.
 *
 * @param at prefix for field paths, such as `evaluations[3].`.
 * @throws StileError `invalid_request`, with every violation found.
 */
export function requestFromQuestionJson(
  question: QuestionJson,
  asking: Asking,
  at = "",
): DecisionRequest {
  const violations: FieldViolation[] = [];
  const refuse: Refuse = (field, description) => {
    violations.push({ field: at + field, description });
  };
  const subject = readEntity("subject", question.subject, refuse);
  const action = readAction(question.action, refuse);
  const resource = readEntity("resource", question.resource, refuse);
  const { context, contextText, grants } = readContext(question, refuse);
  checkAtMost("policy", asking.policy, LIMITS.policyChars, refuse);
  checkAtMost("X-Request-ID", asking.requestId, LIMITS.requestIdChars, (field, description) => {
    violations.push({ field, description });
  });
  if (violations.length > 0) throw invalidRequest(violations);
  const { policy, requestId } = asking;
  return {
    subject,
    action,
    resource,
    context,
    contextText,
    policy,
    grants,
    atLeastAsFresh: "",
    requestId,
  };
}

function readEntity(
  field: "subject" | "resource",
  value: JsonValue | undefined,
  refuse: Refuse,
): Entity {
  if (!isJsonObject(value)) {
    refuse(field, `${isOrMissing(value, "a JSON object")}; give a type and an id`);
    return { type: "", id: "", properties: undefined };
  }
  return {
    type: readText(`${field}.type`, value["type"], LIMITS.typeChars, refuse),
    id: readText(`${field}.id`, value["id"], LIMITS.idChars, refuse),
    properties: readProperties(`${field}.properties`, value["properties"], refuse),
  };
}

function readAction(value: JsonValue | undefined, refuse: Refuse): Action {
  if (!isJsonObject(value)) {
    refuse("action", `${isOrMissing(value, "a JSON object")}; give a name`);
    return { name: "", properties: undefined };
  }
  return {
    name: readText("action.name", value["name"], LIMITS.typeChars, refuse),
    properties: readProperties("action.properties", value["properties"], refuse),
  };
}

function readText(
  field: string,
  value: JsonValue | undefined,
  charsMax: number,
  refuse: Refuse,
): string {
  if (typeof value !== "string") {
    refuse(field, `${isOrMissing(value, "a string")}; give 1 to ${charsMax} characters`);
    return "";
  }
  checkText(field, value, charsMax, refuse);
  return value;
}

function readProperties(
  field: string,
  value: JsonValue | undefined,
  refuse: Refuse,
): JsonObject | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) {
    refuse(field, "is not a JSON object");
    return undefined;
  }
  checkJson(field, value, refuse);
  return value;
}

function readContext(
  question: QuestionJson,
  refuse: Refuse,
): {
  readonly context: JsonObject;
  readonly contextText: string;
  readonly grants: readonly string[];
} {
  const { context, contextText } = question;
  if (context === undefined) return { context: {}, contextText: "{}", grants: [] };
  if (!isJsonObject(context)) {
    refuse("context", "is not a JSON object");
    return { context: {}, contextText: "{}", grants: [] };
  }
  if (!Object.hasOwn(context, "grants")) {
    checkContext(context, contextText, refuse);
    return { context, contextText: onOneLine(contextText), grants: [] };
  }
  const { grants, ...rest } = context;
  const members = [...(jsonMembers(contextText) ?? [])].filter(([name]) => name !== "grants");
  const text = `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`;
  checkContext(rest, text, refuse);
  return { context: rest, contextText: onOneLine(text), grants: readGrants(grants, refuse) };
}

function checkContext(context: JsonObject, text: string, refuse: Refuse): void {
  if (text.length > LIMITS.jsonBytes) {
    refuse("context", `is larger than ${LIMITS.jsonBytes} bytes as JSON`);
  } else {
    checkJson("context", context, refuse);
  }
}

function readGrants(value: JsonValue | undefined, refuse: Refuse): readonly string[] {
  if (!Array.isArray(value) || !value.every((one: unknown) => typeof one === "string")) {
    refuse("context.grants", "is not an array of strings; give the tokens earned by step-up");
    return [];
  }
  checkGrants(value, (field, description) => refuse(`context.${field}`, description));
  return value;
}

/** Within JSON a line break can only be space between parts; a record is one line. */
function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, " ") : text;
}

function isOrMissing(value: JsonValue | undefined, wanted: string): string {
  return value === undefined ? "is missing" : `is not ${wanted}`;
}

/**
 * @returns the response of the Access Evaluation API (AuthZEN 1.0, section 6.2). A step-up is
 *   `decision: false`, with the demand as an obligation of the type `step-up`, and its `acr_values`
 *   and `amr_values` in the context, each a list with spaces between (RFC 9470, section 3).
 */
export function authzenFromDecision(decision: Decision): JsonObject {
  const { reasons, obligations, decisionId, policy } = decision;
  const told = obligations.map(({ id, properties }): JsonObject => ({ id, properties }));
  const context: Record<string, JsonValue> = {
    decision_id: decisionId,
    policy: { name: policy.name, revision: policy.revision, digest: policy.digest },
    reasons: reasons.map(({ code, message }) => ({ code, message })),
  };
  if (decision.kind === "step_up") {
    const { id, demand, expiresAtMs } = decision.challenge;
    context["acr_values"] = demand.acr;
    context["amr_values"] = demand.amr.join(" ");
    told.push({
      id: "step-up",
      type: "step-up",
      properties: {
        acr_values: demand.acr,
        amr_values: demand.amr.join(" "),
        max_age: demand.maxAgeS,
        methods: demand.methods,
        challenge_id: id,
        expires_at: new Date(expiresAtMs).toISOString(),
        bind: demand.bind,
        once: demand.once,
      },
    });
  }
  if (told.length > 0) context["obligations"] = told;
  return { decision: decision.kind === "allow", context };
}
