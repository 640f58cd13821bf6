import type { Clock } from "../core/clock.ts";
import { type DecisionRequest, entityKey, type GrantBinding } from "../core/decision.ts";
import type { Authn, Grants } from "../core/step-up.ts";
import type { StateStore } from "../core/store.ts";
import type { Meter } from "../core/telemetry.ts";
import { boundHash } from "./binding.ts";
import { BoundedCache } from "./bounded-cache.ts";
import type { GrantClaims } from "./grant-claims.ts";
import type { GrantTokens } from "./grant-tokens.ts";
import type { StepUpSettings } from "./settings.ts";

/** Our own are under 700 characters. Longer ones are refused unseen, and not remembered. */
const TOKEN_CHARACTERS_MAX = 2_048;
/** Longer than any one-use grant lives, so that a clock set back does not bring one back. */
const SPENT_KEPT_MS = 24 * 3600_000;

export interface GrantReaderParts {
  readonly tokens: GrantTokens;
  readonly store: StateStore;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly settings: StepUpSettings;
}

/**
 * Reads grants: a token's signature is checked once, then known by its text. Known and refused
 * tokens have memories of their own, so that a flood of bad ones does not push out the good.
 */
export function createGrants(parts: GrantReaderParts): Grants {
  const { tokens, store, clock, settings } = parts;
  const verified = new BoundedCache<GrantClaims>(settings.knownTokensMax);
  const refused = new BoundedCache<true>(settings.refusedTokensMax);
  const spent = new BoundedCache<true>(settings.knownTokensMax);
  const learning = new Map<string, Promise<void>>();
  const learned = (result: string) =>
    parts.meter.counter("stile_grants_learned_total", "Grant tokens seen first.", { result });
  const verifiedCount = learned("verified");
  const refusedCount = learned("refused");
  const strengthOf = (grant: GrantClaims): number => settings.acrOrder.indexOf(grant.acr);

  function isKnown(token: string): boolean {
    return (
      token.length > TOKEN_CHARACTERS_MAX ||
      verified.get(token) !== undefined ||
      refused.get(token) !== undefined
    );
  }

  /** Calls that bring the same new token at once share one check of it. */
  async function learnOnce(token: string): Promise<void> {
    if (isKnown(token)) return;
    const running = learning.get(token) ?? learnNow(token);
    learning.set(token, running);
    await running;
  }

  async function learnNow(token: string): Promise<void> {
    const claims = await tokens.verify(token);
    if (claims === undefined) refused.set(token, true);
    else verified.set(token, claims);
    (claims === undefined ? refusedCount : verifiedCount).add(1);
    learning.delete(token);
  }

  /** Once expired, always expired: the token is forgotten as good, wherever the clock goes. */
  function isInForce(token: string, grant: GrantClaims, nowMs: number): boolean {
    const nowS = nowMs / 1000;
    if (nowS >= grant.expiresAtS) {
      verified.delete(token);
      refused.set(token, true);
      return false;
    }
    const latestS = nowS + settings.clockSkewS;
    return grant.issuedAtS <= latestS && grant.authTimeS <= latestS;
  }

  function isBetter(grant: GrantClaims, best: GrantClaims): boolean {
    const strength = strengthOf(grant) - strengthOf(best);
    if (strength !== 0) return strength > 0;
    if (grant.authTimeS !== best.authTimeS) return grant.authTimeS > best.authTimeS;
    return best.once && !grant.once; // keeps the one-use grant for when it is needed
  }

  return {
    known: (asked) => asked.every(isKnown),

    async learn(asked) {
      await Promise.all(asked.map(learnOnce));
    },

    authn(request, nowMs, without) {
      let best: GrantClaims | undefined;
      let subject: string | undefined;
      const hashes: Partial<Record<GrantBinding, string>> = {};
      for (const token of request.grants) {
        const grant = verified.get(token);
        if (grant === undefined || !isInForce(token, grant, nowMs)) continue;
        if (without.includes(grant.grantId) || spent.get(grant.grantId) !== undefined) continue;
        subject ??= entityKey(request.subject);
        if (grant.subject !== subject || grant.policy !== request.policy) continue;
        const bound = (hashes[grant.bind] ??= hashOrNone(request, grant.bind));
        if (bound !== grant.bound) continue;
        if (best === undefined || isBetter(grant, best)) best = grant;
      }
      return best === undefined ? undefined : authnOf(best, nowMs);
    },

    async spend(grantId, nowMs) {
      const won = await store.compareAndSet({
        key: `spent/${grantId}`,
        version: 0,
        value: "true",
        expiresAtMs: Math.max(nowMs, clock.nowMs()) + SPENT_KEPT_MS,
      });
      spent.set(grantId, true);
      return won;
    },
  };
}

/** A request without canonical form matches no grant: no hash is empty. */
function hashOrNone(request: DecisionRequest, bind: GrantBinding): string {
  try {
    return boundHash(request, bind);
  } catch {
    return "";
  }
}

function authnOf(grant: GrantClaims, nowMs: number): Authn {
  return {
    acr: grant.acr,
    amr: grant.amr,
    authTimeS: grant.authTimeS,
    ageS: Math.max(0, Math.floor(nowMs / 1000 - grant.authTimeS)),
    bind: grant.bind,
    once: grant.once,
    grantId: grant.grantId,
  };
}
