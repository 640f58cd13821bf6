import { ExactNumber, numberText } from "../rego-number.ts";
import { isNumber, RegoObject, RegoSet, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { formatGoFloat } from "./go-float.ts";
import type { FormatArg } from "./sprintf-verbs.ts";

/** A number of the variables: Go's templates see it as a kind of string. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template; undefined is what a missing key gives. */
export type Value =
  | undefined
  | null
  | boolean
  | string
  | JsonNumber
  /** Go's int. */
  | bigint
  /** Go's float64. */
  | number
  | readonly Value[]
  | ReadonlyMap<string, Value>;

/** @throws BuiltinError for what is no JSON: sets, and keys that are no strings. */
export function valueOf(term: Term): Value {
  if (isNumber(term)) return new JsonNumber(numberText(term));
  if (term === null || typeof term === "boolean" || typeof term === "string") return term;
  if (term instanceof RegoSet) throw new BuiltinError("a template's variables cannot hold sets");
  if (!(term instanceof RegoObject)) {
    if (term instanceof ExactNumber) return new JsonNumber(term.text);
    return term.map(valueOf);
  }
  return new Map(
    term.entries.map(([key, value]) => {
      if (typeof key !== "string")
        throw new BuiltinError("a template's variables need string keys");
      return [key, valueOf(value)];
    }),
  );
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMapping(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

/** Strings, and what Go takes for strings. */
export function textOf(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof JsonNumber ? value.text : undefined;
}

export function isTrue(value: Value): boolean {
  if (isList(value)) return value.length > 0;
  if (isMapping(value)) return value.size > 0;
  if (value instanceof JsonNumber) return value.text !== "";
  return (
    value !== undefined &&
    value !== null &&
    value !== false &&
    value !== "" &&
    value !== 0n &&
    value !== 0
  );
}

/** @returns the value as an action writes it. */
export function printed(value: Value): string {
  return value === undefined || value === null ? "<no value>" : shown(value);
}

/** @returns the value as Go's `%v` writes it. */
export function shown(value: Value): string {
  if (value === undefined || value === null) return "<nil>";
  if (isList(value)) return `[${value.map(shown).join(" ")}]`;
  if (isMapping(value))
    return `map[${[...value].map(([key, item]) => `${key}:${shown(item)}`).join(" ")}]`;
  if (typeof value === "number") return formatGoFloat(value, "g", -1);
  return value instanceof JsonNumber ? value.text : String(value);
}

export function formatArgOf(value: Value): FormatArg {
  if (typeof value === "bigint") return { kind: "int", value, type: "int" };
  if (typeof value === "number") return { kind: "float", value };
  if (typeof value === "boolean") return { kind: "bool", value };
  if (value instanceof JsonNumber)
    return { kind: "string", value: value.text, type: "json.Number" };
  return { kind: "string", value: typeof value === "string" ? value : shown(value) };
}
