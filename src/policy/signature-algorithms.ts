import { constants, createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";

/** Signature algorithms of JWT that bundles may be signed with (RFC 7518 and RFC 8037). */
export type SignatureAlgorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA";

/**
 * Checks a signature of a JWT.
 *
 * @param key PEM of a public key or certificate; the secret itself for HMAC.
 * @returns false also where the key is not one of the algorithm's kind.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: string,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("HS")) {
    const expected = createHmac(hash, key).update(signed).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  try {
    const publicKey = createPublicKey(key);
    if (publicKey.asymmetricKeyType !== KEY_TYPES[algorithm.slice(0, 2)]) return false;
    if (algorithm === "EdDSA") return verify(null, signed, publicKey, signature);
    if (algorithm.startsWith("ES")) {
      return verify(hash, signed, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
    }
    const isPss = algorithm.startsWith("PS");
    const padding = isPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    return verify(hash, signed, { key: publicKey, padding, saltLength }, signature);
  } catch {
    return false;
  }
}

const KEY_TYPES: Readonly<Record<string, string>> = {
  RS: "rsa",
  PS: "rsa",
  ES: "ec",
  Ed: "ed25519",
};
