import type { Decision, DecisionRequest } from "../core/decision.ts";
import { type FieldViolation, StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { jsonElements, jsonMembers } from "../core/json-members.ts";
import {
  type Asking,
  authzenFromDecision,
  type QuestionJson,
  questionFromJson,
  requestFromQuestionJson,
  withDefaults,
} from "../wire/authzen.ts";
import { invalidRequest } from "../wire/decision-request.ts";
import {
  type Answer,
  type Call,
  type DoorParts,
  decisionOf,
  type HttpApp,
  requireJson,
  serveRoute,
} from "./decision-door.ts";
import { type JsonBody, readJsonBody } from "./json-body.ts";
import { type HttpError, HttpRefusal, httpErrorOf } from "./status.ts";

const EVALUATIONS_MAX = 1000;
/** Decided in one turn of the event loop, so that many do not stall other callers. */
const SLICE = 64;

const SEMANTICS = ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] as const;
type Semantic = (typeof SEMANTICS)[number];

/** The routes of the AuthZEN Authorization API 1.0. */
export function serveAuthzen(app: HttpApp, parts: DoorParts): void {
  const { decider, log } = parts;

  async function evaluation(call: Call): Promise<Answer> {
    const { value, text } = await readBody(call);
    return one(requestFromQuestionJson(questionFromJson(value, text), call.asking));
  }

  async function evaluations(call: Call): Promise<Answer> {
    const body = await readBody(call);
    const { evaluations: asked } = body.value;
    if (asked === undefined || (isList(asked) && asked.length === 0)) {
      return one(requestFromQuestionJson(questionFromJson(body.value, body.text), call.asking));
    }
    const { semantic, items } = readEvaluations(body, call.asking);
    for (const item of items) if (!("error" in item)) decider.admit(item);
    const answers =
      semantic === "execute_all"
        ? await executeAll(items)
        : await executeUntil(items, semantic === "permit_on_first_permit");
    return { status: 200, body: { evaluations: answers } };
  }

  async function one(request: DecisionRequest): Promise<Answer> {
    decider.admit(request);
    return { status: 200, body: authzenFromDecision(await decisionOf(decider, request)) };
  }

  async function executeAll(items: readonly Item[]): Promise<readonly JsonObject[]> {
    const answers: Promise<JsonObject>[] = [];
    for (const [index, item] of items.entries()) {
      if (index > 0 && index % SLICE === 0) await nextTurn();
      answers.push(answerOf(item));
    }
    return Promise.all(answers);
  }

  /** One after the other, up to the first whose decision is this. */
  async function executeUntil(
    items: readonly Item[],
    last: boolean,
  ): Promise<readonly JsonObject[]> {
    const answers: JsonObject[] = [];
    for (const item of items) {
      const answer = await answerOf(item);
      answers.push(answer);
      if (answer["decision"] === last) break;
    }
    return answers;
  }

  async function answerOf(item: Item): Promise<JsonObject> {
    if ("error" in item) return item.error;
    const decision: Decision = await decisionOf(decider, item);
    return authzenFromDecision(decision);
  }

  const errorBody = authzenError;
  const post = { method: "POST", errorBody } as const;
  serveRoute(app, log, { ...post, path: "/access/v1/evaluation", answer: evaluation });
  serveRoute(app, log, { ...post, path: "/access/v1/evaluations", answer: evaluations });
  for (const path of ["subject", "resource", "action"]) {
    serveRoute(app, log, {
      ...post,
      path: `/access/v1/search/${path}`,
      answer: () => Promise.reject(new HttpRefusal(501, "not_implemented", NO_SEARCH)),
    });
  }
  serveRoute(app, log, {
    method: "GET",
    path: "/.well-known/authzen-configuration",
    policyPath: "/.well-known/authzen-configuration/policies/:policy",
    errorBody,
    answer: ({ base }) => Promise.resolve({ status: 200, body: configurationAt(base) }),
  });
}

const NO_SEARCH = "search is not offered by this policy";

/** @returns the metadata of the decision point (AuthZEN 1.0, section 9). */
function configurationAt(base: string): JsonObject {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
  };
}

function readBody({ incoming }: Call): Promise<JsonBody> {
  // The standard's own tests want 400 here, not 415.
  requireJson(incoming, { status: 400, mayBeAbsent: false });
  return readJsonBody(incoming);
}

/** One evaluation to make, or the answer to one that cannot be made. */
type Item = DecisionRequest | { readonly error: JsonObject };

/** @throws StileError `invalid_request` for what is wrong with the whole, not with one of them. */
function readEvaluations(
  { value, text }: JsonBody,
  asking: Asking,
): { readonly semantic: Semantic; readonly items: readonly Item[] } {
  const violations: FieldViolation[] = [];
  const { evaluations, options } = value;
  const elements = isList(evaluations) ? evaluations : [];
  if (!isList(evaluations)) {
    violations.push({ field: "evaluations", description: "is not an array" });
  } else if (elements.length > EVALUATIONS_MAX) {
    const description = `holds ${elements.length} evaluations; at most ${EVALUATIONS_MAX} are accepted`;
    violations.push({ field: "evaluations", description });
  }
  for (const field of ["subject", "action", "resource", "context"] as const) {
    if (value[field] !== undefined && !isJsonObject(value[field])) {
      violations.push({ field, description: "is not a JSON object" });
    }
  }
  const semantic = readSemantic(options, violations);
  if (violations.length > 0) throw invalidRequest(violations);
  const defaults = questionFromJson(value, text);
  const texts = jsonElements(jsonMembers(text)?.get("evaluations") ?? "") ?? [];
  const items = elements.map((element, index) =>
    readItem({ element, text: texts[index] ?? "", index }, defaults, asking),
  );
  return { semantic, items };
}

function readSemantic(options: JsonValue | undefined, violations: FieldViolation[]): Semantic {
  if (options === undefined) return "execute_all";
  if (!isJsonObject(options)) {
    violations.push({ field: "options", description: "is not a JSON object" });
    return "execute_all";
  }
  const { evaluations_semantic: asked } = options;
  if (asked === undefined) return "execute_all";
  const semantic = SEMANTICS.find((known) => known === asked);
  if (semantic !== undefined) return semantic;
  const description = `is none of ${SEMANTICS.join(", ")}`;
  violations.push({ field: "options.evaluations_semantic", description });
  return "execute_all";
}

function readItem(
  item: { readonly element: JsonValue; readonly text: string; readonly index: number },
  defaults: QuestionJson,
  asking: Asking,
): Item {
  const { element, text, index } = item;
  const at = `evaluations[${index}]`;
  try {
    if (!isJsonObject(element)) {
      throw invalidRequest([{ field: at, description: "is not a JSON object" }]);
    }
    const question = withDefaults(questionFromJson(element, text), defaults);
    return requestFromQuestionJson(question, asking, `${at}.`);
  } catch (thrown) {
    if (!(thrown instanceof StileError)) throw thrown;
    const { status, message } = httpErrorOf(thrown);
    return { error: { decision: false, context: { error: { status, message } } } };
  }
}

function authzenError({ code, message, violations }: HttpError): JsonObject {
  const fields = violations.map(({ field, description }) => ({ field, description }));
  return { error: message, code, ...(fields.length === 0 ? {} : { violations: fields }) };
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
