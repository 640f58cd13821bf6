import { StileError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";

/**
 * Writes JSON so that equal values have equal text: members in order of their UTF-16 code units,
 * no spaces, numbers as ECMAScript prints them. Members that are undefined are left out.
 *
 * @throws StileError `invalid_request` for what I-JSON forbids: a number that is not finite, and
 *   half a surrogate pair.
 * @see RFC 8785
 */
export function canonicalJson(value: CanonicalInput): string {
  if (typeof value === "string") return canonicalText(value);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new StileError("invalid_request", `${value} has no canonical JSON form`);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  let members = "";
  for (const name of sortedNames(value)) {
    const member = value[name];
    if (member === undefined) continue;
    if (members !== "") members += ",";
    members += `${canonicalText(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** JSON, and objects of it with absent members. */
export type CanonicalInput =
  | JsonValue
  | readonly CanonicalInput[]
  | { readonly [name: string]: CanonicalInput | undefined };

function isList(value: object): value is readonly CanonicalInput[] {
  return Array.isArray(value);
}

function sortedNames(value: object): readonly string[] {
  const names = Object.keys(value);
  return names.length > 1 ? names.sort() : names;
}

function canonicalText(text: string): string {
  const json = JSON.stringify(text);
  // Half a pair is always escaped, so most texts need no closer look.
  if (json.includes("\\ud") && /\p{Surrogate}/u.test(text)) {
    throw new StileError("invalid_request", "half a surrogate pair has no canonical JSON form");
  }
  return json;
}
