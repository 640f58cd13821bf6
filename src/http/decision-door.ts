import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import type { Decision, DecisionRequest } from "../core/decision.ts";
import { asError, describeError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Log } from "../core/telemetry.ts";
import type { Asking } from "../wire/authzen.ts";
import { type HttpError, HttpRefusal, type HttpStatus, httpErrorOf } from "./status.ts";

/** What these doors need of the decision path. */
export interface Decider {
  admit(request: DecisionRequest): void;
  decide(request: DecisionRequest, answered: (decision: Decision) => void): void;
}

export interface DoorParts {
  readonly decider: Decider;
  readonly log: Log;
}

export type HttpApp = Hono<{ Bindings: HttpBindings }>;
export type HttpContext = Context<{ Bindings: HttpBindings }>;

/** One request as a door takes it. */
export interface Call {
  readonly incoming: IncomingMessage;
  readonly asking: Asking;
  /** Scheme, host and port by which the caller came, and the prefix of the policy. */
  readonly base: string;
}

/** What a door answers. */
export interface Answer {
  readonly status: HttpStatus;
  readonly body: JsonObject;
}

/** How a door tells of an error. */
export type ErrorBody = (error: HttpError) => JsonObject;

/** A policy that is not the default one is asked below this prefix. */
const POLICY_PREFIX = "/policies/:policy";

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly answer: (call: Call) => Promise<Answer>;
  readonly errorBody: ErrorBody;
  /** Where the route of a named policy is; default: the path below the policy's prefix. */
  readonly policyPath?: string;
}

/**
 * Serves a route for the default policy and for named ones: echoes X-Request-ID, answers other
 * methods by 405, and turns what is thrown into an error body. Nothing thrown is ever an allow.
 */
export function serveRoute(app: HttpApp, log: Log, route: Route): void {
  const { method, answer, errorBody } = route;
  const respond = async (context: HttpContext): Promise<Response> => {
    const { incoming } = context.env;
    const requestId = headerOf(incoming, "x-request-id");
    const policy = context.req.param("policy") ?? "";
    try {
      const asking = { policy, requestId };
      const { status, body } = await answer({ incoming, asking, base: baseOf(context, policy) });
      return responseOf(status, body, requestId);
    } catch (thrown) {
      const error = httpErrorOf(thrown);
      if (error.status === 500) logOurs(log, route.path, thrown);
      return responseOf(error.status, errorBody(error), requestId);
    }
  };
  for (const path of [route.path, route.policyPath ?? `${POLICY_PREFIX}${route.path}`]) {
    app.on(method, path, respond);
    app.all(path, (context) => {
      const message = `${context.req.method} is not served here; use ${method}`;
      const error = { status: 405, code: "method_not_allowed", message, violations: [] } as const;
      const response = responseOf(
        405,
        errorBody(error),
        headerOf(context.env.incoming, "x-request-id"),
      );
      response.headers.set("allow", method);
      return response;
    });
  }
}

/** @returns the decision of an admitted request. */
export function decisionOf(decider: Decider, request: DecisionRequest): Promise<Decision> {
  return new Promise((resolve) => decider.decide(request, resolve));
}

/** @throws HttpRefusal of this status when the body is said to be of another type than JSON. */
export function requireJson(
  incoming: IncomingMessage,
  options: { readonly status: 400 | 415; readonly mayBeAbsent: boolean },
): void {
  const type = headerOf(incoming, "content-type");
  if (/^application\/json\s*(;|$)/i.test(type) || (type === "" && options.mayBeAbsent)) return;
  const said = type === "" ? "is missing" : `is ${JSON.stringify(type.slice(0, 100))}`;
  const message = `Content-Type ${said}; send application/json`;
  throw new HttpRefusal(options.status, "unsupported_content_type", message);
}

function headerOf(incoming: IncomingMessage, name: string): string {
  const value = incoming.headers[name];
  return typeof value === "string" ? value : "";
}

function baseOf(context: HttpContext, policy: string): string {
  const { origin } = new URL(context.req.url);
  return policy === "" ? origin : `${origin}/policies/${encodeURIComponent(policy)}`;
}

function responseOf(status: HttpStatus, body: JsonObject, requestId: string): Response {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (requestId !== "") headers["x-request-id"] = requestId;
  return new Response(JSON.stringify(body), { status, headers });
}

function logOurs(log: Log, path: string, thrown: unknown): void {
  const at = asError(thrown).stack?.split("\n")[1]?.trim() ?? "";
  log.error("request_failed", { path, cause: describeError(thrown), at });
}
