import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  privateEncrypt,
  sign,
} from "node:crypto";
import { parseJsonTerm, RegoObject, type Term, TermSyntaxError } from "../terms.ts";
import { type Builtin, type BuiltinEnv, BuiltinError } from "./builtin.ts";
import { jsonTermOf, jsonTextOf, termOfJson } from "./json-text.ts";
import { jwksOf, signingKeyOfJwk, tokenAlgorithms } from "./jwt-keys.ts";
import { objectOperand, stringOperand } from "./operands.ts";
import { bytesOfText } from "./utf8.ts";

/** Signs tokens in compact form (RFC 7515) with the first of the keys given. */
export const jwtSignBuiltins: readonly (readonly [string, Builtin])[] = [
  [
    "io.jwt.encode_sign",
    (args, env) => {
      const header = jsonTextOf(objectOperand(args, 0));
      const payload = jsonTextOf(objectOperand(args, 1));
      return signedToken(header, payload, jsonTermOf(objectOperand(args, 2)), env);
    },
  ],
  [
    "io.jwt.encode_sign_raw",
    (args, env) => {
      const key = termOfJson(stringOperand(args, 2));
      return signedToken(stringOperand(args, 0), stringOperand(args, 1), key, env);
    },
  ],
];

function signedToken(headerText: string, payload: string, keys: Term, env: BuiltinEnv): string {
  const header = termOfJson(headerText);
  const [jwk] = jwksOf(keys);
  if (!(header instanceof RegoObject) || jwk === undefined)
    throw new BuiltinError("no header or no key");
  const algorithm = header.get("alg");
  if (typeof algorithm !== "string" || !tokenAlgorithms.has(algorithm)) {
    throw new BuiltinError("unknown JWS algorithm");
  }
  const type = header.get("typ");
  if ((typeof type !== "string" || type === "JWT") && !isJson(payload)) {
    throw new BuiltinError("type is JWT but payload is not JSON");
  }
  const text = [headerText, payload]
    .map((part) => bytesOfText(part).toString("base64url"))
    .join(".");
  const signature = signatureOf(algorithm, signingKeyOfJwk(jwk), text, env);
  return `${text}.${signature.toString("base64url")}`;
}

function isJson(text: string): boolean {
  try {
    parseJsonTerm(text);
    return true;
  } catch (error) {
    if (error instanceof TermSyntaxError) return false;
    throw error;
  }
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
};

function signatureOf(algorithm: string, key: KeyObject, text: string, env: BuiltinEnv): Buffer {
  const hash = `sha${algorithm.slice(-3)}`;
  const data = Buffer.from(text);
  try {
    switch (algorithm.slice(0, 2)) {
      case "HS":
        if (key.type !== "secret") break;
        return createHmac(hash, key).update(data).digest();
      case "RS":
        if (key.asymmetricKeyType !== "rsa") break;
        return sign(hash, data, { key, padding: constants.RSA_PKCS1_PADDING });
      case "PS":
        if (key.asymmetricKeyType !== "rsa") break;
        return signPss(hash, key, data, env);
      case "ES":
        if (key.asymmetricKeyDetails?.namedCurve !== CURVES[algorithm]) break;
        return signEcdsa(hash, key, text, env);
      default:
        if (key.asymmetricKeyType === "ed25519") return sign(null, data, key);
    }
  } catch (cause) {
    throw new BuiltinError("signing failed", { cause });
  }
  throw new BuiltinError(`the key is not for ${algorithm}`);
}

/**
 * ECDSA draws a random number that node:crypto does not let us choose. It is kept for the
 * evaluation, under a key that the host can record and give back when a decision is replayed.
 */
function signEcdsa(hash: string, key: KeyObject, text: string, env: BuiltinEnv): Buffer {
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
  const digest = createHash("sha256").update(publicKey).update(text).digest("base64url");
  const memoKey = `ecdsa:${hash}:${digest}`;
  const kept = env.memo.get(memoKey);
  if (typeof kept === "string") return Buffer.from(kept, "base64url");
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  env.memo.set(memoKey, signature.toString("base64url"));
  return signature;
}

/** RSASSA-PSS (RFC 8017, section 9.1.1) with the salt drawn from the seed, so that it replays. */
function signPss(hash: string, key: KeyObject, data: Buffer, env: BuiltinEnv): Buffer {
  const modulusBits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  const digest = createHash(hash).update(data).digest();
  const salt = createHash(hash)
    .update(JSON.stringify([env.seed, "pss"]))
    .update(digest)
    .digest();
  const length = Math.ceil((modulusBits - 1) / 8);
  const maskLength = length - digest.length - 1;
  if (maskLength < salt.length + 1) throw new BuiltinError("the key is too short");
  const inner = createHash(hash).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const block = Buffer.concat([Buffer.alloc(maskLength - salt.length - 1), Buffer.of(1), salt]);
  const mask = mgf1(hash, inner, maskLength);
  const masked = Buffer.from(block.map((byte, at) => byte ^ (mask[at] ?? 0)));
  masked.writeUInt8(masked.readUInt8(0) & (0xff >> (8 * length - (modulusBits - 1))), 0);
  const encoded = Buffer.concat([masked, inner, Buffer.of(0xbc)]);
  const full = Buffer.concat([Buffer.alloc(Math.ceil(modulusBits / 8) - length), encoded]);
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, full);
}

function mgf1(hash: string, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0; Buffer.concat(blocks).length < length; counter++) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    blocks.push(createHash(hash).update(seed).update(count).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
