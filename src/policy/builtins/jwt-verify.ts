import { createSecretKey, type KeyObject } from "node:crypto";
import { compareNumbers, doubleOf, numberFromText } from "../rego-number.ts";
import { isArray, isNumber, RegoObject, type Term } from "../terms.ts";
import { type Builtin, type BuiltinEnv, BuiltinError } from "./builtin.ts";
import { decodeBase64Url } from "./encodings.ts";
import { formatGoFloat } from "./go-float.ts";
import {
  isEcdsa,
  isEd25519,
  isHmac,
  isRsa,
  isSignedBy,
  type SignedText,
} from "./jws-algorithms.ts";
import { type VerificationKey, verificationKeys } from "./jwt-keys.ts";
import { decodedHeader, headerFields, objectOfText, signedText, splitToken } from "./jwt-token.ts";
import { type Operands, objectOperand, stringOperand } from "./operands.ts";
import { bytesOfText, textOfBytes } from "./utf8.ts";

export const jwtVerifyBuiltins: readonly (readonly [string, Builtin])[] = [
  ...(["256", "384", "512"] as const).flatMap((bits): (readonly [string, Builtin])[] => {
    const hash = `sha${bits}`;
    return [
      [`io.jwt.verify_hs${bits}`, (args) => verifiedHmac(args, hash)],
      [
        `io.jwt.verify_rs${bits}`,
        (args) =>
          verifiedBy(args, (key, signed) => isRsaKey(key) && isRsa(hash, key, false, signed)),
      ],
      [
        `io.jwt.verify_ps${bits}`,
        (args) =>
          verifiedBy(args, (key, signed) => isRsaKey(key) && isRsa(hash, key, true, signed)),
      ],
      [
        `io.jwt.verify_es${bits}`,
        (args) => verifiedBy(args, (key, signed) => isEcKey(key) && isEcdsa(hash, key, signed)),
      ],
    ];
  }),
  ["io.jwt.verify_eddsa", (args) => verifiedBy(args, isEd25519)],
  ["io.jwt.decode", (args) => decode(stringOperand(args, 0))],
  ["io.jwt.decode_verify", (args, env) => decodeAndVerify(args, env)],
];

type Verify = (key: KeyObject, signed: SignedText) => boolean;

function isRsaKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === "rsa";
}

function isEcKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ec";
}

function verifiedHmac(args: Operands, hash: string): boolean {
  const token = splitToken(stringOperand(args, 0));
  const key = createSecretKey(bytesOfText(stringOperand(args, 1)));
  const signature = decodeBase64Url(token.signature);
  return isHmac(hash, key, { text: signedText(token), signature });
}

/** By the key that the header names, else by any key that does not speak of another algorithm. */
function verifiedBy(args: Operands, verify: Verify): boolean {
  const token = splitToken(stringOperand(args, 0));
  const keys = verificationKeys(stringOperand(args, 1));
  const signed = { text: signedText(token), signature: decodeBase64Url(token.signature) };
  const { alg, kid } = headerFields(decodedHeader(token));
  // OPA takes private keys for its other builtins alone.
  return candidates(keys, alg, kid).some((each) => !each.isPrivate && verify(each.key, signed));
}

function candidates(
  keys: readonly VerificationKey[],
  alg: string,
  kid: string,
): readonly VerificationKey[] {
  const named = kid === "" ? undefined : keys.find((key) => key.kid === kid);
  if (named !== undefined) return [named];
  return keys.filter((key) => key.alg === "" || key.alg === alg);
}

/** @returns header, payload and the signature in hexadecimal; of a token in a token, the inner's. */
function decode(text: string): Term {
  const token = splitToken(text);
  const header = decodedHeader(token);
  const payload = textOfBytes(decodeBase64Url(token.payload));
  const contentType = header.get("cty") ?? "";
  if (typeof contentType !== "string") throw new BuiltinError("cty: must be a string");
  if (contentType === "JWT") return decode(payload.replace(/^["']+|["']+$/g, ""));
  return [header, objectOfText(payload), decodeBase64Url(token.signature).toString("hex")];
}

/** What the second operand of `io.jwt.decode_verify` asks for; "" asks for nothing. */
interface Constraints {
  readonly keys: readonly VerificationKey[] | undefined;
  readonly secret: string;
  readonly alg: string;
  readonly iss: string;
  readonly aud: string;
  /** ns since the Unix epoch. */
  readonly timeNs: number;
}

const UNVERIFIED: Term = [false, new RegoObject(), new RegoObject()];

function decodeAndVerify(args: Operands, env: BuiltinEnv): Term {
  const constraints = constraintsOf(objectOperand(args, 1), env);
  let text = stringOperand(args, 0);
  // Each round takes a token out of a token, so the text gets shorter.
  for (;;) {
    const token = splitToken(text);
    const header = decodedHeader(token);
    const fields = headerFields(header);
    if (fields.alg === "" || !fields.criticalKnown) return UNVERIFIED;
    if (constraints.alg !== "" && constraints.alg !== fields.alg) return UNVERIFIED;
    const signed = { text: signedText(token), signature: decodeBase64Url(token.signature) };
    if (!isTrusted(constraints, fields.alg, fields.kid, signed)) return UNVERIFIED;
    const payload = textOfBytes(decodeBase64Url(token.payload));
    if (fields.cty.toUpperCase() === "JWT") {
      text = payload;
      continue;
    }
    const claims = objectOfText(payload);
    return claimsHold(claims, constraints) ? [true, header, claims] : UNVERIFIED;
  }
}

function constraintsOf(object: RegoObject, env: BuiltinEnv): Constraints {
  const known = new Set(["cert", "secret", "alg", "iss", "aud", "time"]);
  const text = (name: string): string => {
    const value = object.get(name) ?? "";
    if (typeof value !== "string") throw new BuiltinError(`${name} constraint: must be a string`);
    return value;
  };
  if (object.entries.some(([name]) => typeof name !== "string" || !known.has(name))) {
    throw new BuiltinError("unknown token validation constraint");
  }
  const time = object.get("time") ?? numberFromText(env.nowNs);
  const timeNs = isNumber(time) ? doubleOf(time) : Number.NaN;
  if (!(timeNs >= 0 && Number.isFinite(timeNs))) {
    throw new BuiltinError("token time constraint: must be a number, not negative");
  }
  const certificate = text("cert");
  const keys = object.has("cert") ? verificationKeys(certificate) : undefined;
  const secret = text("secret");
  if (keys !== undefined && secret !== "") throw new BuiltinError("duplicate key constraints");
  if (keys === undefined && secret === "") throw new BuiltinError("no key constraint");
  return { keys, secret, alg: text("alg"), iss: text("iss"), aud: text("aud"), timeNs };
}

function isTrusted(
  { keys, secret }: Constraints,
  alg: string,
  kid: string,
  signed: SignedText,
): boolean {
  if (keys === undefined) return isSignedBy(alg, createSecretKey(bytesOfText(secret)), signed);
  return candidates(keys, alg, kid).some(({ key }) => isSignedBy(alg, key, signed));
}

/** Issuer, audience, expiry and start (RFC 7519, section 4.1). */
function claimsHold(claims: RegoObject, constraints: Constraints): boolean {
  const issuer = claims.get("iss");
  if (constraints.iss !== "") {
    if (issuer !== undefined && typeof issuer !== "string")
      throw new BuiltinError("iss: must be a string");
    if (issuer !== constraints.iss) return false;
  }
  const audience = claims.get("aud");
  if (audience === undefined ? constraints.aud !== "" : !isFor(audience, constraints.aud))
    return false;
  // OPA compares in seconds, as the shortest decimal of the double.
  const seconds = numberFromText(formatGoFloat(constraints.timeNs / 1e9, "g", -1));
  const expiry = claims.get("exp");
  if (expiry !== undefined && !isNumber(expiry))
    throw new BuiltinError("exp value must be a number");
  if (expiry !== undefined && compareNumbers(seconds, expiry) >= 0) return false;
  const start = claims.get("nbf");
  if (start !== undefined && !isNumber(start)) throw new BuiltinError("nbf value must be a number");
  return start === undefined || compareNumbers(seconds, start) >= 0;
}

function isFor(audience: Term, wanted: string): boolean {
  return isArray(audience) ? audience.includes(wanted) : audience === wanted;
}
