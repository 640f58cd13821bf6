import { entityKey } from "../core/decision.ts";
import { StileError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { IssuedGrant } from "../core/step-up.ts";
import type { ChallengeRecord } from "./challenge-record.ts";
import type { GrantClaims } from "./grant-claims.ts";
import type { GrantTokens } from "./grant-tokens.ts";
import { newId } from "./new-id.ts";
import type { StepUpSettings } from "./settings.ts";

const ACR = "aal2";
const AMR = ["otp"] as const;

/** @returns what the proof of a challenge by a code earns: the demand, within our bounds. */
export function earnedClaims(
  found: ChallengeRecord,
  nowMs: number,
  settings: StepUpSettings,
): GrantClaims {
  const nowS = Math.floor(nowMs / 1000);
  const { demand } = found;
  const lifeMaxS = demand.once ? settings.onceLifeMaxS : settings.grantLifeMaxS;
  return {
    subject: entityKey(found.subject),
    grantId: newId(),
    issuedAtS: nowS,
    expiresAtS: nowS + Math.min(Math.floor(demand.maxAgeS), lifeMaxS, settings.grantLifeMaxS),
    authTimeS: nowS,
    acr: ACR,
    amr: AMR,
    bind: demand.bind,
    bound: found.bound,
    once: demand.once,
    policy: found.policy,
  };
}

/** @returns the members of the audit record that tell what was earned; never the token. */
export function earnedMembersOf({ grant }: ChallengeRecord): JsonObject {
  if (grant === undefined) return {};
  const { grantId, acr, amr, bind, once, expiresAtS } = grant;
  const expires_at = new Date(expiresAtS * 1000).toISOString();
  return { grant_id: grantId, acr, amr, bind, once, expires_at };
}

/** @returns the token of a proven challenge. @throws StileError `internal` before it has one. */
export async function issuedGrant(
  challenge: ChallengeRecord,
  tokens: GrantTokens,
): Promise<IssuedGrant> {
  const { grant } = challenge;
  if (grant === undefined) throw new StileError("internal", "a challenge without a grant");
  const { acr, amr, expiresAtS } = grant;
  return { token: await tokens.sign(grant), expiresAtMs: expiresAtS * 1000, acr, amr };
}
