import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { isArray, RegoObject, type Term } from "../terms.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { BuiltinError } from "./builtin.ts";
import { decodeBase64Url } from "./encodings.ts";
import { jsonTermOf, termOfJson } from "./json-text.ts";
import { firstPemBlock } from "./pem.ts";

/** A key that a token may be verified with. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** "" where the key does not say. */
  readonly alg: string;
  readonly kid: string;
  /** Whether it was given as a private key. */
  readonly isPrivate: boolean;
}

/** Algorithms of RFC 7518 and RFC 8037 that OPA knows. */
export const tokenAlgorithms: ReadonlySet<string> = new Set([
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "HS256",
  "HS384",
  "HS512",
  "EdDSA",
]);

const parsed = new BoundedCache<readonly VerificationKey[]>(100);

/**
 * Reads a certificate or public key in PEM, or a JSON Web Key or set of them (RFC 7517). Keys of
 * algorithms that are not known are left out.
 *
 * @throws BuiltinError when the text is none of these.
 */
export function verificationKeys(text: string): readonly VerificationKey[] {
  return parsed.get(text, () => {
    const block = firstPemBlock(text);
    if (block === undefined) return jwkKeys(termOfJson(text));
    if (block.rest !== "") throw new BuiltinError("extra data after a PEM certificate block");
    return [{ key: keyOfPem(block.type, block.bytes), alg: "", kid: "", isPrivate: false }];
  });
}

function keyOfPem(type: string, bytes: Buffer): KeyObject {
  try {
    if (type === "CERTIFICATE") return new X509Certificate(bytes).publicKey;
    if (type === "PUBLIC KEY") return createPublicKey({ key: bytes, format: "der", type: "spki" });
  } catch (cause) {
    throw new BuiltinError("failed to parse a PEM key", { cause });
  }
  throw new BuiltinError("failed to extract a key from the PEM certificate");
}

function jwkKeys(term: Term): readonly VerificationKey[] {
  return jwksOf(term).flatMap((jwk) => {
    const alg = textField(jwk, "alg");
    const key = publicKeyOfJwk(jwk);
    if (alg !== "" && !tokenAlgorithms.has(alg)) return [];
    return [{ key, alg, kid: textField(jwk, "kid"), isPrivate: jwk.has("d") }];
  });
}

/** @returns the keys of a set, or the one key itself. */
export function jwksOf(term: Term): readonly RegoObject[] {
  if (!(term instanceof RegoObject)) throw new BuiltinError("a JWK must be an object");
  const keys = term.get("keys");
  if (keys === undefined) return [term];
  if (!isArray(keys)) throw new BuiltinError("keys must be an array");
  return keys.map((key) => {
    if (!(key instanceof RegoObject)) throw new BuiltinError("a JWK must be an object");
    return key;
  });
}

function publicKeyOfJwk(jwk: RegoObject): KeyObject {
  if (textField(jwk, "kty") === "oct") return secretOf(jwk);
  try {
    return createPublicKey({ key: nodeJwk(jwk), format: "jwk" });
  } catch (cause) {
    throw new BuiltinError("failed to parse a JWK", { cause });
  }
}

/** @returns the key that signs: a private key, or a secret. */
export function signingKeyOfJwk(jwk: RegoObject): KeyObject {
  if (textField(jwk, "kty") === "oct") return secretOf(jwk);
  try {
    return createPrivateKey({ key: nodeJwk(jwk), format: "jwk" });
  } catch (cause) {
    throw new BuiltinError("failed to parse a JWK", { cause });
  }
}

/** An empty secret would make every token forgeable. */
function secretOf(jwk: RegoObject): KeyObject {
  const secret = decodeBase64Url(textField(jwk, "k"));
  if (secret.length === 0) throw new BuiltinError("the JWK has no k");
  return createSecretKey(secret);
}

/** Node wants the members of RFC 7518 and no others, texts in base64url without padding. */
function nodeJwk(jwk: RegoObject): JsonWebKey {
  const names = ["kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"];
  const members = names
    .filter((name) => jwk.has(name))
    .map((name) => [name, textField(jwk, name).replace(/=+$/, "")] as const);
  return Object.fromEntries(members);
}

function textField(jwk: RegoObject, name: string): string {
  const value = jsonTermOf(jwk.get(name) ?? "");
  if (typeof value !== "string") throw new BuiltinError(`the JWK's ${name} must be a string`);
  return value;
}
