import { doubleOf, numberFromText } from "../rego-number.ts";
import { isArray, isNumber, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { formatGoFloat } from "./go-float.ts";
import { jsonTextOf } from "./json-text.ts";

/** @returns the JSON text by which values are compared: numbers as the doubles nearest to them. */
export function comparableJson(term: Term): string {
  return jsonTextOf(withDoubles(term));
}

function withDoubles(term: Term): Term {
  if (isNumber(term)) {
    const value = doubleOf(term);
    if (!Number.isFinite(value)) throw new BuiltinError("a number is beyond the range of doubles");
    return numberFromText(jsonDouble(value));
  }
  if (isArray(term)) return term.map(withDoubles);
  if (!(term instanceof RegoObject)) return term;
  return new RegoObject(term.entries.map(([key, value]) => [key, withDoubles(value)]));
}

/** @returns the double as Go's JSON encoder writes it. */
export function jsonDouble(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    return formatGoFloat(value, "e", -1).replace(/e-0([0-9])$/, "e-$1");
  }
  return formatGoFloat(value, "f", -1);
}
