import { hash } from "node:crypto";
import { type DecisionRequest, type GrantBinding } from "../core/decision.ts";
import { unreachable } from "../core/errors.ts";
import type { SubjectName } from "../core/step-up.ts";
import { type CanonicalInput, canonicalJson } from "./canonical-json.ts";

/** The part of a request that grants are bound to. */
export type BoundRequest = Pick<
  DecisionRequest,
  "subject" | "action" | "resource" | "context" | "policy"
>;

/**
 * What a grant opens, as one hash: a grant opens a request only if the request has the same.
 *
 * - `action`: this subject, this action with these properties, on this resource with these
 *   properties. Properties that are absent differ from properties that are empty.
 * - `resource`: this subject, any action on the resource of this type and id.
 * - `session`: this subject, anything within the session that `context.session_id` names. A
 *   request without one has no session to bind to: its grant opens only requests of the subject
 *   on the same resource that have no session either, which is less than any session would open.
 *
 * Each is bound to the policy as well, by the name in the request.
 *
 * @returns SHA-256 of the canonical JSON, in base64url.
 * @throws StileError `invalid_request` where there is no canonical JSON.
 */
export function boundHash(request: BoundRequest, bind: GrantBinding): string {
  const { policy } = request;
  const action = { name: request.action.name, properties: request.action.properties };
  const { type, id, properties } = request.resource;
  const resource = { type, id, properties };
  const subject = { type: request.subject.type, id: request.subject.id };
  switch (bind) {
    case "action":
      return sha256Of({ bind, policy, subject, action, resource });
    case "resource":
      return sha256Of({ bind, policy, subject, resource: { type, id } });
    case "session": {
      const session = sessionOf(request);
      return session === undefined
        ? sha256Of({ bind, policy, subject, resource: { type, id } })
        : sha256Of({ bind, policy, subject, session });
    }
    default:
      return unreachable(bind);
  }
}

/** @returns SHA-256 of the canonical JSON, 43 characters of base64url. */
export function sha256Of(value: CanonicalInput): string {
  return hash("sha256", canonicalJson(value), "base64url");
}

/** @returns the subject's name in keys of the store, of one length whatever its type and id are. */
export function subjectHash(subject: SubjectName): string {
  return sha256Of({ type: subject.type, id: subject.id });
}

function sessionOf(request: BoundRequest): string | undefined {
  const session = request.context["session_id"];
  return typeof session === "string" && session !== "" ? session : undefined;
}
