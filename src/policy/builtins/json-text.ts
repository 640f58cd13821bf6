import { ExactNumber, numberText } from "../rego-number.ts";
import {
  compareStrings,
  isArray,
  parseJsonTerm,
  RegoObject,
  RegoSet,
  type Term,
  TermSyntaxError,
  wellFormed,
} from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { boundedText } from "./operands.ts";

/** How a JSON text is laid out over lines. */
export interface JsonLayout {
  readonly prefix: string;
  readonly indent: string;
}

/**
 * Writes a term as Go's `json.Marshal` does: sets as arrays, keys sorted, keys that are no strings
 * as their own JSON text, `<`, `>` and `&` escaped.
 */
export function jsonTextOf(term: Term, layout?: JsonLayout): string {
  return boundedText(write(term, layout, 0));
}

/** @throws BuiltinError when the text is no JSON. */
export function termOfJson(text: string): Term {
  try {
    return parseJsonTerm(text);
  } catch (cause) {
    if (cause instanceof TermSyntaxError) throw new BuiltinError("invalid JSON", { cause });
    throw cause;
  }
}

/** @returns the term as JSON has it: sets as sorted arrays, every key a string. */
export function jsonTermOf(term: Term): Term {
  if (isArray(term)) return term.map(jsonTermOf);
  if (term instanceof RegoSet) return term.members.map(jsonTermOf);
  if (!(term instanceof RegoObject)) return term;
  return new RegoObject(term.entries.map(([key, value]) => [keyOf(key), jsonTermOf(value)]));
}

/** @returns the entries as JSON has them: string keys, sorted by code point. */
export function jsonEntriesOf(object: RegoObject): (readonly [string, Term])[] {
  const entries = object.entries.map(([key, value]) => [keyOf(key), value] as const);
  return entries.sort(([a], [b]) => compareStrings(a, b));
}

function write(term: Term, layout: JsonLayout | undefined, depth: number): string {
  if (term === null || typeof term === "boolean") return String(term);
  if (typeof term === "string") return jsonString(term);
  if (typeof term === "number" || term instanceof ExactNumber) return numberText(term);
  if (term instanceof RegoObject) {
    const colon = layout === undefined ? ":" : ": ";
    const members = jsonEntriesOf(term).map(([key, value]) => {
      return jsonString(key) + colon + write(value, layout, depth + 1);
    });
    return lines("{", members, "}", layout, depth);
  }
  const members = term instanceof RegoSet ? term.members : term;
  const texts = members.map((member) => write(member, layout, depth + 1));
  return lines("[", texts, "]", layout, depth);
}

function lines(
  open: string,
  members: readonly string[],
  close: string,
  layout: JsonLayout | undefined,
  depth: number,
): string {
  if (layout === undefined || members.length === 0) return open + members.join(",") + close;
  const newline = `\n${layout.prefix}${layout.indent.repeat(depth)}`;
  const inner = newline + layout.indent;
  return open + inner + members.join(`,${inner}`) + newline + close;
}

function keyOf(key: Term): string {
  return typeof key === "string" ? key : write(key, undefined, 0);
}

function jsonString(text: string): string {
  return JSON.stringify(wellFormed(text)).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
