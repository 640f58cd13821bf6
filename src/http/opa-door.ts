import { isJsonObject, type JsonObject } from "../core/json.ts";
import { jsonMembers } from "../core/json-members.ts";
import { questionFromJson, requestFromQuestionJson } from "../wire/authzen.ts";
import { invalidRequest } from "../wire/decision-request.ts";
import { opaFromDecision } from "../wire/opa-data.ts";
import {
  type Answer,
  type Call,
  type DoorParts,
  decisionOf,
  type HttpApp,
  requireJson,
  serveRoute,
} from "./decision-door.ts";
import { readJsonBody } from "./json-body.ts";
import { type HttpError, HttpRefusal } from "./status.ts";

/** OPA's Data API, for the one document that there is: the decision. */
export function serveOpaData(app: HttpApp, { decider, log }: DoorParts): void {
  async function decision({ incoming, asking }: Call): Promise<Answer> {
    // Callers of OPA often leave the type out.
    requireJson(incoming, { status: 415, mayBeAbsent: true });
    const { value, text } = await readJsonBody(incoming);
    const { input } = value;
    if (!isJsonObject(input)) {
      const description = `${input === undefined ? "is missing" : "is not a JSON object"}; give subject, action, resource and context`;
      throw invalidRequest([{ field: "input", description }]);
    }
    const question = questionFromJson(input, jsonMembers(text)?.get("input") ?? "");
    const request = requestFromQuestionJson(question, asking, "input.");
    decider.admit(request);
    return { status: 200, body: opaFromDecision(await decisionOf(decider, request)) };
  }

  const route = { method: "POST", errorBody: opaError } as const;
  serveRoute(app, log, { ...route, path: "/v1/data/stile/decision", answer: decision });
  serveRoute(app, log, { ...route, path: "/v1/data/*", answer: noDocument });
  serveRoute(app, log, { ...route, path: "/v1/data", answer: noDocument });
}

function noDocument(): Promise<never> {
  const message = "there is one document here: POST /v1/data/stile/decision";
  return Promise.reject(new HttpRefusal(404, "unknown_document", message));
}

/** OPA's own codes where it has one, so that its clients tell errors apart as they do today. */
function opaError({ status, code, message, violations }: HttpError): JsonObject {
  const errors = violations.map(({ field, description }) => ({
    code: "invalid_parameter",
    message: `${field} ${description}`,
  }));
  return { code: opaCode(status, code), message, ...(errors.length === 0 ? {} : { errors }) };
}

function opaCode(status: number, code: string): string {
  if (status === 400) return "invalid_parameter";
  if (status === 404) return "resource_not_found";
  return status === 500 ? "internal_error" : code;
}
