import { numberFromBigInt, numberFromText } from "../rego-number.ts";
import type { Term } from "../terms.ts";
import { jsonDouble } from "./json-schema-compare.ts";

const WORDS: ReadonlyMap<string, Term> = new Map<string, Term>([
  ["", null],
  ["~", null],
  ["null", null],
  ["Null", null],
  ["NULL", null],
  ["true", true],
  ["True", true],
  ["TRUE", true],
  ["false", false],
  ["False", false],
  ["FALSE", false],
]);

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** Numbers that are no JSON: a document with one cannot be read. */
export const notFinite = Symbol("not finite");

/** What may not stand in a YAML text. */
export const UNREADABLE =
  // oxlint-disable-next-line no-control-regex -- control characters are the point
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

/**
 * @returns the value of a plain scalar as go-yaml reads it: words of YAML 1.2, integers with `_`
 *   and in base 2, 8 and 16, numbers as doubles; other text is a string.
 */
export function plainScalar(text: string): Term | typeof notFinite {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (/^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text)) return notFinite;
  if (!/^[-+.0-9]/.test(text)) return text;
  if (text.startsWith(".")) return /^\.[0-9]+(?:[eE][-+]?[0-9]+)?$/.test(text) ? float(text) : text;
  const plain = text.replaceAll("_", "");
  return integer(plain) ?? (FLOAT.test(plain) ? float(plain) : text);
}

function integer(plain: string): Term | undefined {
  const match = /^([-+]?)(?:0b([01]+)|0o?([0-7]+)|0x([0-9a-fA-F]+)|([1-9][0-9]*|0))$/i.exec(plain);
  if (match === null) return undefined;
  const [, sign, binary, octal, hexadecimal, decimal] = match;
  let magnitude = BigInt(decimal ?? "0");
  if (binary !== undefined) magnitude = BigInt(`0b${binary}`);
  if (octal !== undefined) magnitude = BigInt(`0o${octal}`);
  if (hexadecimal !== undefined) magnitude = BigInt(`0x${hexadecimal}`);
  const value = sign === "-" ? -magnitude : magnitude;
  return value < INT64_MIN || value > UINT64_MAX ? undefined : numberFromBigInt(value);
}

function float(text: string): Term | typeof notFinite {
  const value = Number(text);
  return Number.isFinite(value) ? numberFromText(jsonDouble(value)) : text;
}
