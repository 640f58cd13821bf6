import { BuiltinError } from "./builtin.ts";
import { isPrintable } from "./go-quote.ts";
import { percentEncoded } from "./percent.ts";
import { formatGo } from "./sprintf.ts";
import {
  formatArgOf,
  isList,
  isMapping,
  isTrue,
  JsonNumber,
  shown,
  textOf,
  type Value,
} from "./template-values.ts";
import { bytesOfText, textOfBytes } from "./utf8.ts";

/** The functions that every template may call. https://pkg.go.dev/text/template#hdr-Functions */
export const templateFunctions: ReadonlyMap<string, (args: readonly Value[]) => Value> = new Map<
  string,
  (args: readonly Value[]) => Value
>([
  ["and", (args) => last(args, isTrue)],
  ["or", (args) => last(args, (arg) => !isTrue(arg))],
  ["not", (args) => !isTrue(only(args))],
  ["len", (args) => lengthOf(only(args))],
  ["index", (args) => args.slice(1).reduce<Value>(indexed, args[0])],
  ["slice", sliced],
  ["print", (args) => sprint(args)],
  ["println", (args) => `${args.map(shown).join(" ")}\n`],
  ["printf", printf],
  ["html", (args) => escapedHtml(argsText(args))],
  ["js", (args) => escapedJs(argsText(args))],
  ["urlquery", (args) => percentEncoded(argsText(args), /[\w.~-]/).replaceAll("%20", "+")],
  ["eq", ([first, ...others]) => atLeastOne(others).some((other) => areEqual(first, other))],
  ["ne", (args) => !areEqual(...pair(args))],
  ["lt", (args) => order(...pair(args)) < 0],
  ["le", (args) => order(...pair(args)) <= 0],
  ["gt", (args) => order(...pair(args)) > 0],
  ["ge", (args) => order(...pair(args)) >= 0],
]);

function printf([format, ...args]: readonly Value[]): string {
  if (typeof format !== "string") throw new BuiltinError("wrong type for printf's format");
  return formatGo(format, args.map(formatArgOf));
}

/** @returns the last value where all are true, else the first that is not. */
function last(args: readonly Value[], holds: (value: Value) => boolean): Value {
  const at = args.findIndex((arg) => !holds(arg));
  return at < 0 ? args.at(-1) : args[at];
}

function only(args: readonly Value[]): Value {
  if (args.length !== 1) throw new BuiltinError("wrong number of args in the template");
  return args[0];
}

function pair(args: readonly Value[]): [Value, Value] {
  if (args.length !== 2) throw new BuiltinError("wrong number of args in the template");
  return [args[0], args[1]];
}

function atLeastOne(args: readonly Value[]): readonly Value[] {
  if (args.length === 0) throw new BuiltinError("missing argument for comparison");
  return args;
}

/** Texts are measured in bytes of UTF-8. */
function lengthOf(value: Value): bigint {
  const text = textOf(value);
  if (text !== undefined) return BigInt(bytesOfText(text).length);
  if (isList(value)) return BigInt(value.length);
  if (isMapping(value)) return BigInt(value.size);
  throw new BuiltinError("len of a value without length");
}

function indexed(value: Value, key: Value): Value {
  if (isMapping(value)) {
    const name = textOf(key);
    if (typeof key !== "string" || name === undefined)
      throw new BuiltinError("index of a map must be a string");
    return value.get(name);
  }
  if (typeof key !== "bigint") throw new BuiltinError("cannot index with this value");
  const text = textOf(value);
  const length = isList(value) || text !== undefined ? Number(lengthOf(value)) : -1;
  if (length < 0) throw new BuiltinError("can't index this value");
  if (key < 0n || key >= length) throw new BuiltinError("index out of range");
  if (isList(value)) return value[Number(key)];
  return BigInt(bytesOfText(text ?? "")[Number(key)] ?? 0);
}

function sliced([value, from = 0n, to]: readonly Value[]): Value {
  const text = textOf(value);
  const length = lengthOf(value);
  const end = to ?? length;
  if (typeof from !== "bigint" || typeof end !== "bigint" || isMapping(value)) {
    throw new BuiltinError("cannot slice this value");
  }
  if (from < 0n || from > end || end > length) throw new BuiltinError("slice index out of range");
  if (isList(value)) return value.slice(Number(from), Number(end));
  return textOfBytes(bytesOfText(text ?? "").subarray(Number(from), Number(end)));
}

/** A space stands between two values neither of which is a string. */
function sprint(args: readonly Value[]): string {
  return args
    .map((arg, at) => {
      const before = at > 0 && textOf(arg) === undefined && textOf(args[at - 1]) === undefined;
      return (before ? " " : "") + shown(arg);
    })
    .join("");
}

function argsText(args: readonly Value[]): string {
  return args.length === 1 && typeof args[0] === "string" ? args[0] : sprint(args);
}

const HTML: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

function escapedHtml(text: string): string {
  // oxlint-disable-next-line no-control-regex -- NUL is escaped too
  return text.replace(/[\u0000"'&<>]/g, (character) => HTML[character] ?? character);
}

function escapedJs(text: string): string {
  return Array.from(text, (character) => {
    if (/['"\\]/.test(character)) return `\\${character}`;
    const point = character.codePointAt(0) ?? 0;
    const escapes = /[<>&=]/.test(character) || point < 0x20 || !isPrintable(point);
    return escapes ? `\\u${point.toString(16).toUpperCase().padStart(4, "0")}` : character;
  }).join("");
}

type Kind = "boolean" | "int" | "float" | "string" | "nil";

function kindOf(value: Value): Kind {
  if (value === undefined || value === null) return "nil";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "string" || value instanceof JsonNumber) return "string";
  throw new BuiltinError("non-comparable type in the template");
}

function areEqual(a: Value, b: Value): boolean {
  const [left, right] = [kindOf(a), kindOf(b)];
  if (left === "nil" || right === "nil") return left === right;
  if (left !== right) throw new BuiltinError("incompatible types for comparison");
  return left === "string" ? textOf(a) === textOf(b) : a === b;
}

function order(a: Value, b: Value): number {
  const kind = kindOf(a);
  if (kind !== kindOf(b) || kind === "boolean" || kind === "nil") {
    throw new BuiltinError("incompatible types for comparison");
  }
  const [left, right] = kind === "string" ? [textOf(a), textOf(b)] : [a, b];
  if (left === right) return 0;
  return left !== undefined &&
    right !== undefined &&
    left !== null &&
    right !== null &&
    left < right
    ? -1
    : 1;
}
