import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from "node:crypto";

/** The hash of an algorithm's name: the last three digits. */
function hashOf(algorithm: string): string {
  return `sha${algorithm.slice(-3)}`;
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
};

/** A token's signed text and signature. */
export interface SignedText {
  readonly text: string;
  readonly signature: Buffer;
}

/**
 * Verifies by an algorithm of RFC 7518 or RFC 8037.
 *
 * @returns false too where the key is not for the algorithm.
 */
export function isSignedBy(algorithm: string, key: KeyObject, signed: SignedText): boolean {
  switch (algorithm.slice(0, 2)) {
    case "HS":
      return key.type === "secret" && isHmac(hashOf(algorithm), key, signed);
    case "RS":
      return key.asymmetricKeyType === "rsa" && isRsa(hashOf(algorithm), key, false, signed);
    case "PS":
      return key.asymmetricKeyType === "rsa" && isRsa(hashOf(algorithm), key, true, signed);
    case "ES": {
      const onCurve = key.asymmetricKeyDetails?.namedCurve === CURVES[algorithm];
      return onCurve && isEcdsa(hashOf(algorithm), key, signed);
    }
    default:
      return algorithm === "EdDSA" && isEd25519(key, signed);
  }
}

export function isHmac(hash: string, key: KeyObject, { text, signature }: SignedText): boolean {
  const expected = createHmac(hash, key).update(text).digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}

export function isRsa(hash: string, key: KeyObject, pss: boolean, signed: SignedText): boolean {
  const padding = pss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  const options = pss ? { key, padding, saltLength } : { key, padding };
  return holds(() => verify(hash, Buffer.from(signed.text), options, signed.signature));
}

/** The signature is both numbers one after the other, of any length. */
export function isEcdsa(hash: string, key: KeyObject, { text, signature }: SignedText): boolean {
  const half = Math.floor(signature.length / 2);
  const body = [signature.subarray(0, half), signature.subarray(half)].map(derInteger);
  const content = Buffer.concat(body);
  const length = content.length < 128 ? [content.length] : [0x81, content.length];
  if (content.length > 255) return false;
  const der = Buffer.concat([Buffer.from([0x30, ...length]), content]);
  return holds(() => verify(hash, Buffer.from(text), { key, dsaEncoding: "der" }, der));
}

export function isEd25519(key: KeyObject, { text, signature }: SignedText): boolean {
  if (key.asymmetricKeyType !== "ed25519") return false;
  return holds(() => verify(null, Buffer.from(text), key, signature));
}

function derInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  const padded = (trimmed[0] ?? 0) >= 0x80 || trimmed.length === 0;
  const content = padded ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed;
  return Buffer.concat([Buffer.from([0x02, content.length]), content]);
}

function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
