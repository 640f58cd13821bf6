import { doubleOf, integerOf } from "../rego-number.ts";
import { isArray, isNumber, type RegoNumber, RegoObject, RegoSet, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { formatGoFloat } from "./go-float.ts";
import { jsonEntriesOf, jsonTextOf } from "./json-text.ts";
import { boundedText } from "./operands.ts";
import { plainScalar, UNREADABLE } from "./yaml-scalar.ts";

/** Writes a term as JSON has it in YAML, laid out and quoted as go-yaml does with an indent of 2. */
export function yamlTextOf(term: Term): string {
  if (UNREADABLE.test(jsonTextOf(term)))
    throw new BuiltinError("control characters are not allowed");
  return boundedText(`${block(term, 0).replace(/^\n/, "")}\n`);
}

/** @returns what stands behind a key or dash: ` value`, or lines of their own. */
function block(term: Term, depth: number): string {
  const items = isArray(term) ? term : term instanceof RegoSet ? term.members : undefined;
  const indent = "  ".repeat(depth);
  if (items !== undefined) {
    if (items.length === 0) return "[]";
    return items.map((item) => `\n${indent}- ${nestedItem(item, depth + 1)}`).join("");
  }
  if (!(term instanceof RegoObject)) return scalar(term, depth);
  if (term.size === 0) return "{}";
  const entries = jsonEntriesOf(term).sort(([a], [b]) => compareKeys(a, b));
  return entries
    .map(([key, value]) => {
      const text = block(value, depth + 1);
      const gap = text.startsWith("\n") ? "" : " ";
      if (!BREAK.test(key)) return `\n${indent}${keyScalar(key)}:${gap}${text}`;
      // A key of several lines is told by a question mark.
      return `\n${indent}? ${scalar(key, depth + 1)}\n${indent}:${gap}${text}`;
    })
    .join("");
}

/** The first line of a nested collection stands on the line of its dash. */
function nestedItem(item: Term, depth: number): string {
  return block(item, depth).replace(/^\n */, "");
}

function scalar(term: Term, depth: number): string {
  if (typeof term === "string") return text(term, depth, false);
  if (term === null) return "null";
  return isNumber(term) ? numberScalar(term) : term === true ? "true" : "false";
}

function keyScalar(key: string): string {
  return text(key, 0, true);
}

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

function numberScalar(value: RegoNumber): string {
  const written = typeof value === "number" ? String(value) : value.text;
  const integer = /^-?[0-9]+$/.test(written) ? integerOf(value) : undefined;
  if (integer !== undefined && integer >= INT64_MIN && integer <= UINT64_MAX)
    return String(integer);
  const float = doubleOf(value);
  return Number.isFinite(float) ? formatGoFloat(float, "g", -1) : written;
}

const OLD_WORDS = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/;
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const TIMESTAMP =
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?$/;
const BREAK = /[\r\n\u0085\u2028\u2029]/;
/** What YAML writers escape: controls, the byte order mark, and all beyond the basic plane. */
// oxlint-disable-next-line no-control-regex -- control characters are the point
const SPECIAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff\ud800-\udfff]/;

function text(value: string, depth: number, isKey: boolean): string {
  const looksOther =
    plainScalar(value) !== value ||
    OLD_WORDS.test(value) ||
    BASE_60.test(value) ||
    TIMESTAMP.test(value);
  const spaceBeforeBreak = new RegExp(` ${BREAK.source}`).test(value);
  if (value.includes("\n")) {
    const literal = !isKey && !spaceBeforeBreak && !SPECIAL.test(value) && !value.endsWith(" ");
    return literal ? literalBlock(value, depth) : doubleQuoted(value);
  }
  if (looksOther) return doubleQuoted(value);
  if (isPlain(value)) return value;
  const single =
    !spaceBeforeBreak && !value.includes("\t") && !SPECIAL.test(value) && !BREAK.test(value);
  return single ? `'${value.replaceAll("'", "''")}'` : doubleQuoted(value);
}

function isPlain(value: string): boolean {
  if (BREAK.test(value) || SPECIAL.test(value) || value.includes("\t")) return false;
  if (/^(?:---|\.\.\.)|^[#,[\]{}&*!|>'"%@`]|^[?:-](?: |$)|^ | $/.test(value)) return false;
  return !/:(?: |$)| #/.test(value);
}

function literalBlock(value: string, depth: number): string {
  const indent = "  ".repeat(Math.max(depth, 1));
  const hint = /^[ \r\n\u0085\u2028\u2029]/.test(value) ? "2" : "";
  const trailing = /\n*$/.exec(value)?.[0].length ?? 0;
  const chomp = trailing === 0 ? "-" : trailing > 1 || value === "\n" ? "+" : "";
  const body = trailing > 0 ? value.slice(0, -1) : value;
  const lines = body.split("\n").map((line) => (line === "" ? "" : indent + line));
  return `|${hint}${chomp}\n${lines.join("\n")}`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\0", "0"],
  ["\u0007", "a"],
  ["\b", "b"],
  ["\t", "t"],
  ["\n", "n"],
  ["\v", "v"],
  ["\f", "f"],
  ["\r", "r"],
  ["\u001b", "e"],
  ['"', '"'],
  ["\\", "\\"],
  ["\u0085", "N"],
  ["\u00a0", "_"],
  ["\u2028", "L"],
  ["\u2029", "P"],
]);

function doubleQuoted(value: string): string {
  let out = "";
  for (const character of value) {
    const point = character.codePointAt(0) ?? 0;
    const escapes = SPECIAL.test(character) || BREAK.test(character) || /["\\\t]/.test(character);
    const named = ESCAPES.get(character);
    if (!escapes) out += character;
    else if (named !== undefined) out += `\\${named}`;
    else if (point <= 0xff) out += `\\x${hex(point, 2)}`;
    else out += point <= 0xffff ? `\\u${hex(point, 4)}` : `\\U${hex(point, 8)}`;
  }
  return `"${out}"`;
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, "0");
}

/** Numbers within keys are compared as numbers, and letters come after other characters. */
function compareKeys(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  let afterDigit = false;
  for (let at = 0; at < left.length && at < right.length; at++) {
    const [x = "", y = ""] = [left[at], right[at]];
    if (x === y) {
      afterDigit = /\p{Nd}/u.test(x);
      continue;
    }
    const xIsLetter = /\p{L}/u.test(x);
    const yIsLetter = /\p{L}/u.test(y);
    if (xIsLetter && yIsLetter) return codePoint(x) - codePoint(y);
    if (xIsLetter || yIsLetter) return xIsLetter === afterDigit ? -1 : 1;
    return compareDigits(left, right, at) || codePoint(x) - codePoint(y);
  }
  return left.length - right.length;
}

function compareDigits(left: readonly string[], right: readonly string[], at: number): number {
  const zeroInside = left[at] === "0" || right[at] === "0";
  const before = /[0-9]*$/.exec(left.slice(0, at).join(""))?.[0] ?? "";
  const lead = zeroInside && /[1-9]/.test(before) ? "1" : "";
  const [x, y] = [left, right].map((side) => /^[0-9]*/.exec(side.slice(at).join(""))?.[0] ?? "");
  const byValue = Number(`${lead}${x ?? ""}`) - Number(`${lead}${y ?? ""}`);
  return byValue === 0 ? (x ?? "").length - (y ?? "").length : byValue;
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}
