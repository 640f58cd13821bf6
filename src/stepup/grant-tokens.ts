import { jwtVerify, SignJWT } from "jose";
import type { Clock } from "../core/clock.ts";
import { claimsOf, GRANT_TYPE, type GrantClaims, payloadOf } from "./grant-claims.ts";
import type { GrantKeys } from "./grant-keys.ts";

const ALGORITHM = "EdDSA";

/** Makes and checks the text of grants. */
export interface GrantTokens {
  /** @returns a signed JWT; the same one for the same claims and key. */
  sign(claims: GrantClaims): Promise<string>;
  /**
   * Checks signature, algorithm, type, issuer, audience, expiry and shape.
   *
   * @returns undefined when any of it is wrong.
   * @see RFC 8725
   */
  verify(token: string): Promise<GrantClaims | undefined>;
}

export function createGrantTokens(parts: {
  readonly keys: GrantKeys;
  readonly clock: Clock;
  readonly issuer: string;
  readonly audience: string;
}): GrantTokens {
  const { keys, clock, issuer, audience } = parts;
  return {
    sign(claims) {
      const { kid, key } = keys.signing;
      return new SignJWT({ ...payloadOf(claims, { issuer, audience }) })
        .setProtectedHeader({ alg: ALGORITHM, typ: GRANT_TYPE, kid })
        .sign(key);
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            const key = keys.verifying(kid ?? "");
            if (key === undefined) throw new Error("no such key");
            return key;
          },
          {
            algorithms: [ALGORITHM],
            typ: GRANT_TYPE,
            issuer,
            audience,
            requiredClaims: ["exp", "iat", "jti", "sub"],
            currentDate: new Date(clock.nowMs()),
          },
        );
        return claimsOf(payload);
      } catch {
        return undefined; // whatever is wrong with it, it opens nothing
      }
    },
  };
}
