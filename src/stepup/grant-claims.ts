import type { GrantBinding } from "../core/decision.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { StoredFields } from "./stored-fields.ts";

/** What a grant says. Times in whole seconds since the Unix epoch. */
export interface GrantClaims {
  /** `type:id` */
  readonly subject: string;
  readonly grantId: string;
  readonly issuedAtS: number;
  readonly expiresAtS: number;
  readonly authTimeS: number;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly bind: GrantBinding;
  /** See `boundHash`. */
  readonly bound: string;
  readonly once: boolean;
  /** Name of the policy in the request. */
  readonly policy: string;
}

export const GRANT_TYPE = "stile-grant+jwt";
const BINDINGS = ["action", "resource", "session"] as const;

/** @returns the claims as a JWT carries them, in a fixed order, so that signing again gives the same token. */
export function payloadOf(
  claims: GrantClaims,
  from: { readonly issuer: string; readonly audience: string },
): JsonObject {
  return {
    iss: from.issuer,
    aud: from.audience,
    sub: claims.subject,
    iat: claims.issuedAtS,
    exp: claims.expiresAtS,
    jti: claims.grantId,
    acr: claims.acr,
    amr: claims.amr,
    auth_time: claims.authTimeS,
    bind: claims.bind,
    bound: claims.bound,
    once: claims.once,
    policy: claims.policy,
  };
}

/**
 * Reads a payload whose signature, issuer and audience have been checked.
 *
 * @throws StileError `state_unavailable` for a payload that `payloadOf` did not make.
 */
export function claimsOf(payload: unknown): GrantClaims {
  const fields = new StoredFields("a grant", isJsonObject(payload) ? payload : {});
  return {
    subject: fields.text("sub"),
    grantId: fields.text("jti"),
    issuedAtS: fields.number("iat"),
    expiresAtS: fields.number("exp"),
    authTimeS: fields.number("auth_time"),
    acr: fields.text("acr"),
    amr: fields.texts("amr"),
    bind: fields.word("bind", BINDINGS),
    bound: fields.text("bound"),
    once: fields.truth("once"),
    policy: fields.text("policy"),
  };
}
