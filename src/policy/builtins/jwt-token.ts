import { isArray, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { decodeBase64Url } from "./encodings.ts";
import { termOfJson } from "./json-text.ts";
import { textOfBytes } from "./utf8.ts";

/** The parts of a JWS in compact form (RFC 7515), still encoded. */
export interface Token {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
}

export function splitToken(text: string): Token {
  const [header, payload, signature, more] = text.split(".");
  if (
    header === undefined ||
    payload === undefined ||
    signature === undefined ||
    more !== undefined
  ) {
    throw new BuiltinError("encoded JWT must have 3 sections");
  }
  return { header, payload, signature };
}

/** What is signed. */
export function signedText({ header, payload }: Token): string {
  return `${header}.${payload}`;
}

/** @throws BuiltinError for a header that is no JSON object, and for encrypted tokens. */
export function decodedHeader({ header }: Token): RegoObject {
  const object = objectOfText(textOfBytes(decodeBase64Url(header)));
  if (object.has("enc")) throw new BuiltinError("JWT is a JWE object, which is not supported");
  return object;
}

export function objectOfText(text: string): RegoObject {
  const term = termOfJson(text);
  if (!(term instanceof RegoObject)) throw new BuiltinError("decoded JSON type was not an Object");
  return term;
}

/** The fields of a header that verification reads; "" where one is not there. */
export interface HeaderFields {
  readonly alg: string;
  readonly kid: string;
  readonly cty: string;
  /** Whether every field that the header calls critical is known. */
  readonly criticalKnown: boolean;
}

const KNOWN_FIELDS = new Set(["alg", "kid", "typ", "cty", "crit"]);

/** @throws BuiltinError when a known field is of another kind. */
export function headerFields(header: RegoObject): HeaderFields {
  const text = (name: string): string => {
    const value = header.get(name) ?? "";
    if (typeof value !== "string") throw new BuiltinError(`${name}: must be a string`);
    return value;
  };
  const critical = criticalNames(header.get("crit"));
  const unknown = critical.filter((name) => !KNOWN_FIELDS.has(name) && header.has(name));
  text("typ");
  return {
    alg: text("alg"),
    kid: text("kid"),
    cty: text("cty"),
    criticalKnown: unknown.length === 0,
  };
}

function criticalNames(crit: Term | undefined): readonly string[] {
  if (crit === undefined) return [];
  if (!isArray(crit)) throw new BuiltinError("crit: must be a list");
  const other = crit.findIndex((name) => typeof name !== "string");
  const names = crit.slice(0, other < 0 ? crit.length : other);
  if (names.length === 0) throw new BuiltinError("crit: must be a nonempty list");
  return names.filter((name) => typeof name === "string");
}
