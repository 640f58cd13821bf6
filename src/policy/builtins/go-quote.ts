import { ExactNumber, numberText } from "../rego-number.ts";
import { RegoObject, RegoSet, type Term } from "../terms.ts";

/** What Go's `strconv.IsPrint` lets stand: letters, marks, numbers, punctuation, symbols, space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const NAMED_ESCAPES: ReadonlyMap<number, string> = new Map([
  [7, "\\a"],
  [8, "\\b"],
  [9, "\\t"],
  [10, "\\n"],
  [11, "\\v"],
  [12, "\\f"],
  [13, "\\r"],
  [0x5c, "\\\\"],
]);

export function isPrintable(codePoint: number): boolean {
  return codePoint <= 0x10ffff && PRINTABLE.test(String.fromCodePoint(codePoint));
}

/** @returns the text as a Go string literal: escapes where not printable, or not ASCII if asked. */
export function quoteGo(text: string, quote: '"' | "'" = '"', asciiOnly = false): string {
  let out = quote as string;
  for (const character of text) out += escaped(character, quote, asciiOnly);
  return out + quote;
}

function escaped(character: string, quote: string, asciiOnly: boolean): string {
  const point = character.codePointAt(0) ?? 0;
  if (character === quote) return `\\${quote}`;
  const named = NAMED_ESCAPES.get(point);
  if (named !== undefined) return named;
  // An unpaired surrogate could not have been UTF-8.
  if (point >= 0xd800 && point <= 0xdfff) return asciiOnly ? "\\ufffd" : "\ufffd";
  if (asciiOnly ? point >= 0x20 && point < 0x7f : isPrintable(point)) return character;
  if (point < 0x20 || point === 0x7f) return `\\x${hex(point, 2)}`;
  return point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}

/** @returns the term as OPA prints it in Go: Rego syntax with Go's string literals. */
export function goTermText(term: Term): string {
  if (typeof term === "string") return quoteGo(term);
  if (term === null || typeof term === "boolean") return String(term);
  if (typeof term === "number" || term instanceof ExactNumber) return numberText(term);
  if (term instanceof RegoSet) {
    return term.size === 0 ? "set()" : `{${term.members.map(goTermText).join(", ")}}`;
  }
  if (term instanceof RegoObject) {
    const pairs = term.entries.map(([key, value]) => `${goTermText(key)}: ${goTermText(value)}`);
    return `{${pairs.join(", ")}}`;
  }
  return `[${term.map(goTermText).join(", ")}]`;
}
