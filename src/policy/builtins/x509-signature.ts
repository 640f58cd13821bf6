import { constants, type KeyObject, verify } from "node:crypto";
import { childrenOf, contextTag, type Der, derElements, derOid, tags } from "./der.ts";

/** Go's number of a signature algorithm, by object identifier; RSA-PSS is told by its parameters. */
const ALGORITHMS: ReadonlyMap<string, number> = new Map([
  ["1.2.840.113549.1.1.4", 2],
  ["1.2.840.113549.1.1.5", 3],
  ["1.3.14.3.2.29", 3],
  ["1.2.840.113549.1.1.11", 4],
  ["1.2.840.113549.1.1.12", 5],
  ["1.2.840.113549.1.1.13", 6],
  ["1.2.840.10040.4.3", 7],
  ["2.16.840.1.101.3.4.3.2", 8],
  ["1.2.840.10045.4.1", 9],
  ["1.2.840.10045.4.3.2", 10],
  ["1.2.840.10045.4.3.3", 11],
  ["1.2.840.10045.4.3.4", 12],
  ["1.3.101.112", 16],
]);

const PSS = "1.2.840.113549.1.1.10";
const PSS_BY_HASH: ReadonlyMap<string, number> = new Map([
  ["2.16.840.1.101.3.4.2.1", 13],
  ["2.16.840.1.101.3.4.2.2", 14],
  ["2.16.840.1.101.3.4.2.3", 15],
]);

/** Hash and padding of what can be trusted: MD5 and SHA-1 cannot. */
const VERIFIED: ReadonlyMap<number, { readonly hash: string | null; readonly pss: boolean }> =
  new Map([
    [4, { hash: "sha256", pss: false }],
    [5, { hash: "sha384", pss: false }],
    [6, { hash: "sha512", pss: false }],
    [10, { hash: "sha256", pss: false }],
    [11, { hash: "sha384", pss: false }],
    [12, { hash: "sha512", pss: false }],
    [13, { hash: "sha256", pss: true }],
    [14, { hash: "sha384", pss: true }],
    [15, { hash: "sha512", pss: true }],
    [16, { hash: null, pss: false }],
  ]);

/** @returns Go's number of the algorithm, 0 for one that it does not know. */
export function signatureAlgorithm(element: Der | undefined): number {
  const [oid, parameters] = childrenOf(element, tags.sequence);
  const id = derOid(oid).join(".");
  if (id !== PSS) return ALGORITHMS.get(id) ?? 0;
  const fields = parameters === undefined ? [] : derElements(parameters.content);
  const hash = fields.find(({ tag }) => tag === contextTag(0, true));
  if (hash === undefined) return 0;
  const [hashOid] = childrenOf(derElements(hash.content)[0], tags.sequence);
  return PSS_BY_HASH.get(derOid(hashOid).join(".")) ?? 0;
}

/** What was signed, by which of Go's algorithm numbers. */
export interface Signed {
  readonly algorithm: number;
  readonly bytes: Buffer;
  readonly signature: Buffer;
}

export function isSignatureValid({ algorithm, bytes, signature }: Signed, key: KeyObject): boolean {
  const how = VERIFIED.get(algorithm);
  if (how === undefined) return false;
  const pss = {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_AUTO,
  };
  try {
    return verify(how.hash, bytes, how.pss ? { key, ...pss } : key, signature);
  } catch {
    return false;
  }
}
