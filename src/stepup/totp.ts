import { generateSecret, generateSync, generateURI, verifySync } from "otplib";
import { StileError } from "../core/errors.ts";

const STEP_S = 30;
const SECRET_BYTES = 20;

/** @returns 20 random bytes in base32 (RFC 4226, section 4, R6). */
export function newTotpSecret(): string {
  return generateSecret({ length: SECRET_BYTES });
}

/** @returns the address that authenticator apps read from a QR code. */
export function otpauthUri(parts: { readonly account: string; readonly secret: string }): string {
  return generateURI({ issuer: "Stile", label: parts.account, secret: parts.secret });
}

/**
 * The code that an authenticator shows, for those who play one.
 *
 * @param parts.secret base32.
 * @returns six digits.
 */
export function totpCode(parts: { readonly secret: string; readonly nowMs: number }): string {
  return generateSync({
    secret: parts.secret,
    strategy: "totp",
    algorithm: "sha1",
    digits: 6,
    period: STEP_S,
    epoch: Math.floor(parts.nowMs / 1000),
  });
}

/**
 * Compares a code with those of now and of one 30 s step early and late, in constant time each.
 *
 * @param parts.secret base32.
 * @param parts.code six digits.
 * @returns the time step whose code it is, for the replay guard; undefined when none is.
 * @see RFC 6238, section 5.2
 */
export function totpStepOf(parts: {
  readonly secret: string;
  readonly code: string;
  readonly nowMs: number;
}): number | undefined {
  const result = verifySync({
    secret: parts.secret,
    token: parts.code,
    strategy: "totp",
    algorithm: "sha1",
    digits: 6,
    period: STEP_S,
    epoch: Math.floor(parts.nowMs / 1000),
    epochTolerance: STEP_S,
  });
  return result.valid && "timeStep" in result ? result.timeStep : undefined;
}

/** @throws StileError `invalid_request` unless it is exactly six ASCII digits. */
export function checkCode(code: string, field: string): void {
  if (/^[0-9]{6}$/.test(code)) return;
  const description = "expected the six digits that the authenticator shows";
  throw new StileError("invalid_request", `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
