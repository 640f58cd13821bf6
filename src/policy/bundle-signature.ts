import { createHash } from "node:crypto";
import { z } from "zod";
import { asError, StileError } from "../core/errors.ts";
import { type SignatureAlgorithm, verifySignature } from "./signature-algorithms.ts";
import {
  compareStrings,
  isArray,
  parseJsonTerm,
  RegoObject,
  type Term,
  termText,
  wellFormed,
} from "./terms.ts";

export const SIGNATURES_FILE = ".signatures.json";

/** A key that bundles may be signed with. */
export interface VerificationKey {
  readonly algorithm: SignatureAlgorithm;
  /** PEM of a public key or certificate; the secret itself for HS256, HS384 and HS512. */
  readonly key: string;
}

/** What a bundle's signature must meet. With it, a bundle without a signature is refused. */
export interface SignatureCheck {
  /** Key id → key. */
  readonly keys: ReadonlyMap<string, VerificationKey>;
  /** Which key to take; "" for the one that the signature names. */
  readonly keyId: string;
  /** What the signature must name as its scope; "" for none. */
  readonly scope: string;
}

/**
 * Checks a bundle's signature as OPA does, and that it covers the files that are served: each of
 * them is listed with its digest, and each that is listed is there. Claims `exp` and `nbf` hold
 * where the signature has them.
 *
 * @param served names of the files that are read.
 * @param nowMs ms since the Unix epoch.
 * @throws StileError `bundle_invalid`.
 * @see https://www.openpolicyagent.org/docs/management-bundles, "Signing".
 */
export function checkSignature(
  files: ReadonlyMap<string, Uint8Array>,
  served: readonly string[],
  check: SignatureCheck,
  nowMs: number,
): void {
  const claims = verifiedClaims(readToken(files.get(SIGNATURES_FILE)), check);
  if ((claims.scope ?? "") !== check.scope) {
    throw invalid(`scope is "${claims.scope ?? ""}", expected "${check.scope}"`);
  }
  if (claims.exp !== undefined && nowMs >= claims.exp * 1_000) throw invalid("expired");
  if (claims.nbf !== undefined && nowMs < claims.nbf * 1_000) throw invalid("not valid yet");
  const listed = new Map(claims.files.map((file) => [file.name.replace(/^\/+/, ""), file]));
  for (const name of served) {
    const bytes = files.get(name);
    const entry = listed.get(name);
    if (bytes === undefined && entry === undefined) continue;
    if (entry === undefined) throw invalid(`${name} is not covered`);
    if (bytes === undefined) throw invalid(`${name} is covered, but not there`);
    if (digestOf(name, bytes, entry.algorithm) !== entry.hash.toLowerCase()) {
      throw invalid(`${name} is not what was signed`);
    }
  }
}

const HASHES = {
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
  "SHA-512-256": "sha512-256",
} as const;

const signaturesShape = z.object({ signatures: z.array(z.string()).length(1) });

const headerShape = z.object({ alg: z.string(), kid: z.string().optional() });

const claimsShape = z.object({
  files: z
    .array(
      z.object({
        name: z.string(),
        hash: z.string(),
        algorithm: z.enum(["SHA-256", "SHA-384", "SHA-512", "SHA-512-256"]),
      }),
    )
    .max(10_000),
  keyid: z.string().optional(),
  scope: z.string().optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
});

type Claims = z.infer<typeof claimsShape>;

interface Token {
  readonly header: z.infer<typeof headerShape>;
  readonly claims: Claims;
  /** What was signed, and the signature over it. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function readToken(file: Uint8Array | undefined): Token {
  if (file === undefined) throw invalid(`no ${SIGNATURES_FILE}, and only signed bundles are taken`);
  try {
    const { signatures } = signaturesShape.parse(JSON.parse(Buffer.from(file).toString("utf8")));
    const [header = "", claims = "", signature = "", ...rest] = signatures[0]?.split(".") ?? [];
    if (rest.length > 0) throw new TypeError("not three parts");
    return {
      header: headerShape.parse(JSON.parse(fromBase64Url(header).toString("utf8"))),
      claims: claimsShape.parse(JSON.parse(fromBase64Url(claims).toString("utf8"))),
      signed: Buffer.from(`${header}.${claims}`),
      signature: fromBase64Url(signature),
    };
  } catch (thrown) {
    const reason =
      thrown instanceof z.ZodError ? thrown.issues[0]?.message : asError(thrown).message;
    throw invalid(`${SIGNATURES_FILE} does not hold one signature: ${reason ?? ""}`);
  }
}

function verifiedClaims(token: Token, check: SignatureCheck): Claims {
  const named = [check.keyId, token.header.kid, token.claims.keyid, onlyKeyOf(check)];
  const keyId = named.find((id) => id !== undefined && id !== "") ?? "";
  const key = check.keys.get(keyId);
  if (key === undefined) throw invalid(`key "${keyId}" is not known here`);
  // The algorithm is the key's, never the token's: a public key is no secret for an HMAC.
  if (token.header.alg !== key.algorithm) {
    throw invalid(`algorithm is ${token.header.alg}, and key "${keyId}" is for ${key.algorithm}`);
  }
  if (!verifySignature(key.algorithm, key.key, token.signed, token.signature)) {
    throw invalid(`wrong for key "${keyId}"`);
  }
  return token.claims;
}

function onlyKeyOf({ keys }: SignatureCheck): string {
  const [id, ...more] = keys.keys();
  return id !== undefined && more.length === 0 ? id : "";
}

function digestOf(name: string, bytes: Uint8Array, algorithm: keyof typeof HASHES): string {
  const hash = createHash(HASHES[algorithm]);
  if (name !== "data.json" && name !== ".manifest") return hash.update(bytes).digest("hex");
  writeCanonical(parseJsonTerm(Buffer.from(bytes).toString("utf8")), (text) => hash.update(text));
  return hash.digest("hex");
}

/** JSON files are signed without spaces, keys in order, numbers with the digits they came with. */
function writeCanonical(term: Term, write: (text: string) => void): void {
  if (isArray(term)) {
    write("[");
    for (const [i, item] of term.entries()) {
      if (i > 0) write(",");
      writeCanonical(item, write);
    }
    write("]");
  } else if (term instanceof RegoObject) {
    const members = term.entries
      .map(([key, value]) => [typeof key === "string" ? key : termText(key), value] as const)
      .sort(([a], [b]) => compareStrings(a, b));
    write("{");
    for (const [i, [key, value]] of members.entries()) {
      if (i > 0) write(",");
      write(`${jsonString(key)}:`);
      writeCanonical(value, write);
    }
    write("}");
  } else {
    write(typeof term === "string" ? jsonString(term) : termText(term));
  }
}

/** Go's JSON writes the two line separators as escapes. */
function jsonString(text: string): string {
  return JSON.stringify(wellFormed(text))
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

function fromBase64Url(text: string): Buffer {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new TypeError("a part is no base64url");
  return Buffer.from(text, "base64url");
}

function invalid(what: string): StileError {
  return new StileError("bundle_invalid", `signature: ${what}`);
}
