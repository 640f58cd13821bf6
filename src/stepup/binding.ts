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
  const { subject, action, resource, policy } = request;
  const common = { bind, policy, subject: { type: subject.type, id: subject.id } };
  switch (bind) {
    case "action":
      return sha256Of({
        ...common,
        action: { name: action.name, properties: action.properties },
        resource: { type: resource.type, id: resource.id, properties: resource.properties },
      });
    case "resource":
      return sha256Of({ ...common, resource: { type: resource.type, id: resource.id } });
    case "session": {
      const session = sessionOf(request);
      return session === undefined
        ? sha256Of({ ...common, resource: { type: resource.type, id: resource.id } })
        : sha256Of({ ...common, session });
    }
    default:
      return unreachable(bind);
  }
}

/** @returns SHA-256 of the canonical JSON, 43 characters of base64url. */
export function sha256Of(value: CanonicalInput): string {
  return hash("sha256", canonicalJson(value), "base64url");
}

/** @returns the subject's name in keys of the store: of fixed length, and not to be guessed apart. */
export function subjectHash(subject: SubjectName): string {
  return sha256Of({ type: subject.type, id: subject.id });
}

function sessionOf(request: BoundRequest): string | undefined {
  const session = request.context["session_id"];
  return typeof session === "string" && session !== "" ? session : undefined;
}
