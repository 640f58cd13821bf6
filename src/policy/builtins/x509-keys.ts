import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { numberFromBigInt } from "../rego-number.ts";
import { RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import type { PemBlock } from "./pem.ts";

/** How Go numbers the algorithms of public keys. */
export const keyAlgorithms: Readonly<Record<string, number>> = {
  rsa: 1,
  dsa: 2,
  ec: 3,
  ed25519: 4,
};

/** @returns the public key of a SubjectPublicKeyInfo; undefined for a kind that is not known. */
export function publicKeyOf(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

/** @returns a public key as Go has it in JSON: RSA, EC or Ed25519, null for others. */
export function publicKeyTerm(key: KeyObject | undefined): Term {
  if (key === undefined) return null;
  const jwk = jwkOf(key);
  if (jwk?.kty === "RSA")
    return new RegoObject([
      ["N", wide(jwk.n)],
      ["E", wide(jwk.e)],
    ]);
  if (jwk?.kty === "EC") return new RegoObject(pointOf(jwk));
  return jwk?.crv === "Ed25519" ? bytesOf(jwk.x).toString("base64") : null;
}

/** @returns a private key as Go has it in JSON. */
export function privateKeyTerm(key: KeyObject): Term {
  const jwk = jwkOf(key);
  if (jwk?.kty === "EC") return new RegoObject([...pointOf(jwk), ["D", wide(jwk.d)]]);
  if (jwk?.crv === "Ed25519") {
    return Buffer.concat([bytesOf(jwk.d), bytesOf(jwk.x)]).toString("base64");
  }
  if (jwk?.kty !== "RSA") return new RegoObject();
  const precomputed: [string, Term][] = [
    ["Dp", wide(jwk.dp)],
    ["Dq", wide(jwk.dq)],
    ["Qinv", wide(jwk.qi)],
    ["CRTValues", []],
  ];
  return new RegoObject([
    ["N", wide(jwk.n)],
    ["E", wide(jwk.e)],
    ["D", wide(jwk.d)],
    ["Primes", [wide(jwk.p), wide(jwk.q)]],
    ["Precomputed", new RegoObject(precomputed)],
  ]);
}

/** @returns a private key as a JSON Web Key (RFC 7517). */
export function privateJwkTerm(key: KeyObject): Term {
  const entries = Object.entries(jwkOf(key) ?? {}).filter(([, value]) => typeof value === "string");
  return new RegoObject(entries.map(([name, value]): [string, Term] => [name, String(value)]));
}

const PRIVATE_TYPES: Readonly<Record<string, "pkcs1" | "pkcs8" | "sec1">> = {
  "RSA PRIVATE KEY": "pkcs1",
  "PRIVATE KEY": "pkcs8",
  "EC PRIVATE KEY": "sec1",
};

/**
 * @returns the private key of a PEM block; undefined for a block of another type.
 * @throws BuiltinError when the block holds no such key.
 */
export function privateKeyOfBlock({ type, bytes }: PemBlock): KeyObject | undefined {
  const encoding = PRIVATE_TYPES[type];
  if (encoding === undefined) return undefined;
  try {
    return createPrivateKey({ key: bytes, format: "der", type: encoding });
  } catch (cause) {
    throw new BuiltinError("failed to parse private key", { cause });
  }
}

/** @returns the private key of any of the three encodings. @throws BuiltinError for other bytes. */
export function privateKeyOfDer(bytes: Buffer): KeyObject {
  for (const type of ["pkcs1", "pkcs8", "sec1"] as const) {
    try {
      return createPrivateKey({ key: bytes, format: "der", type });
    } catch {
      // The next encoding may fit.
    }
  }
  throw new BuiltinError("failed to parse private key");
}

function jwkOf(key: KeyObject): JsonWebKey | undefined {
  try {
    return key.export({ format: "jwk" });
  } catch {
    return undefined;
  }
}

function pointOf(jwk: JsonWebKey): [string, Term][] {
  return [
    ["Curve", new RegoObject()],
    ["X", wide(jwk.x)],
    ["Y", wide(jwk.y)],
  ];
}

function bytesOf(text: string | undefined): Buffer {
  return Buffer.from(text ?? "", "base64url");
}

function wide(text: string | undefined): Term {
  return numberFromBigInt(BigInt(`0x0${bytesOf(text).toString("hex")}`));
}
