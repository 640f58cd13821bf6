import { type FloatFormat, formatGoFloat } from "./go-float.ts";
import { isPrintable, quoteGo } from "./go-quote.ts";

/** An argument as OPA hands it to Go's formatter; other terms go as their text. */
export type FormatArg =
  | { readonly kind: "int"; readonly value: bigint; readonly type?: string }
  /** An integer beyond 64 bits. */
  | { readonly kind: "bigInt"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string; readonly type?: string }
  | { readonly kind: "bool"; readonly value: boolean };

/** What stands between `%` and the verb. */
export interface Flags {
  sharp: boolean;
  zero: boolean;
  plus: boolean;
  minus: boolean;
  space: boolean;
  width: number | undefined;
  precision: number | undefined;
}

const TYPE_NAMES = {
  int: "int64",
  bigInt: "*big.Int",
  float: "float64",
  string: "string",
  bool: "bool",
};

/** @returns the name of the argument's type in Go. */
export function typeName(arg: FormatArg): string {
  return ("type" in arg ? arg.type : undefined) ?? TYPE_NAMES[arg.kind];
}

/** Writes one argument under one verb; a verb that does not fit gives Go's `%!d(string=…)`. */
export function formatArg(arg: FormatArg, verb: string, given: Flags): string {
  if (verb === "T") return padded(truncated(typeName(arg), given), given);
  // Under %v the plus and sharp flags ask for Go syntax, which shows on strings alone.
  const goSyntax = (verb === "v" || verb === "w") && given.sharp;
  // A big integer writes itself and sees them.
  const isValue = (verb === "v" || verb === "w") && arg.kind !== "bigInt";
  const flags = isValue ? { ...given, sharp: false, plus: false } : given;
  return withFlags(arg, verb, flags, goSyntax) ?? badVerb(arg, verb, flags, goSyntax);
}

function badVerb(arg: FormatArg, verb: string, flags: Flags, go: boolean): string {
  return `%!${verb}(${typeName(arg)}=${withFlags(arg, "v", flags, go) ?? ""})`;
}

function withFlags(arg: FormatArg, verb: string, flags: Flags, go: boolean): string | undefined {
  switch (arg.kind) {
    case "string":
      return formatString(arg.value, verb === "v" ? (go ? "q" : "s") : verb, flags);
    case "int":
      return formatInt(arg.value, verb === "v" ? "d" : verb, flags);
    case "bigInt":
      return formatBigInt(arg.value, verb, flags);
    case "bool":
      return verb === "v" || verb === "t" ? padded(String(arg.value), flags) : undefined;
    default:
      return formatFloat(arg.value, verb === "v" ? "g" : verb, flags);
  }
}

function formatString(value: string, verb: string, flags: Flags): string | undefined {
  const text = truncated(value, flags);
  switch (verb) {
    case "s":
      return padded(text, flags);
    case "q":
      return padded(
        flags.sharp && isRawQuotable(text) ? `\`${text}\`` : quoteGo(text, '"', flags.plus),
        flags,
      );
    case "x":
    case "X":
      return hexOfBytes(value, verb, flags);
    default:
      return undefined;
  }
}

/** The precision counts bytes here. */
function hexOfBytes(value: string, verb: string, flags: Flags): string {
  const bytes = Buffer.from(value, "utf8").subarray(0, flags.precision);
  const prefix = flags.sharp ? `0${verb}` : "";
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  const cased = verb === "X" ? pairs.map((pair) => pair.toUpperCase()) : pairs;
  if (cased.length === 0) return padded("", flags);
  return padded(prefix + cased.join(flags.space ? ` ${prefix}` : ""), flags);
}

const BASES: Readonly<Record<string, number>> = { b: 2, o: 8, O: 8, d: 10, x: 16, X: 16 };

function formatInt(value: bigint, verb: string, flags: Flags): string | undefined {
  const base = BASES[verb];
  if (base !== undefined) return formatDigits(value, verb, base, flags);
  const inRange = value >= 0n && value <= 0x10ffffn;
  const point = inRange ? Number(value) : 0xfffd;
  const character = point >= 0xd800 && point <= 0xdfff ? "\ufffd" : String.fromCodePoint(point);
  switch (verb) {
    case "c":
      return padded(character, flags);
    case "q":
      return padded(quoteGo(character, "'", flags.plus), flags);
    case "U":
      return padded(unicodeName(value, flags), { ...flags, zero: false });
    default:
      return undefined;
  }
}

function formatDigits(value: bigint, verb: string, base: number, flags: Flags): string {
  const plain = { ...flags, zero: false };
  if (flags.precision === 0 && value === 0n) return padded("", plain);
  const sign = signOf(value < 0n, flags);
  let digits = (value < 0n ? -value : value).toString(base);
  if (verb === "X") digits = digits.toUpperCase();
  const filled = flags.zero && !flags.minus ? (flags.width ?? 0) - sign.length : 0;
  digits = digits.padStart(flags.precision ?? filled, "0");
  return padded(sign + prefixOf(digits, verb, flags.sharp) + digits, plain);
}

function prefixOf(digits: string, verb: string, sharp: boolean): string {
  if (verb === "O") return sharp && !digits.startsWith("0") ? "0o0" : "0o";
  if (!sharp) return "";
  if (verb === "b") return "0b";
  if (verb === "o") return digits.startsWith("0") ? "" : "0";
  return verb === "x" || verb === "X" ? `0${verb}` : "";
}

function unicodeName(value: bigint, flags: Flags): string {
  const unsigned = BigInt.asUintN(64, value);
  const digits = unsigned.toString(16).toUpperCase();
  const name = `U+${digits.padStart(Math.max(4, flags.precision ?? 0), "0")}`;
  const shown = flags.sharp && unsigned <= 0x10ffffn && isPrintable(Number(unsigned));
  return shown ? `${name} '${String.fromCodePoint(Number(unsigned))}'` : name;
}

/** `math/big` writes its own: %s is a number, zeros fill up only without a precision. */
function formatBigInt(value: bigint, verb: string, flags: Flags): string {
  const base = BASES[verb === "s" || verb === "v" ? "d" : verb];
  if (base === undefined) return `%!${verb}(big.Int=${value})`;
  const sign = signOf(value < 0n, flags);
  let digits = (value < 0n ? -value : value).toString(base);
  if (verb === "X") digits = digits.toUpperCase();
  const sharpPrefix = { b: "0b", o: "0", x: "0x", X: "0X" }[verb] ?? "";
  const prefix = verb === "O" ? "0o" : flags.sharp ? sharpPrefix : "";
  digits = digits.padStart(flags.precision ?? 0, "0");
  if (flags.zero && !flags.minus && flags.precision === undefined) {
    digits = digits.padStart((flags.width ?? 0) - sign.length - prefix.length, "0");
  }
  return padded(sign + prefix + digits, { ...flags, zero: false });
}

const FLOAT_FORMATS: Readonly<Record<string, { format: FloatFormat; precision: number }>> = {
  b: { format: "b", precision: -1 },
  g: { format: "g", precision: -1 },
  G: { format: "G", precision: -1 },
  x: { format: "x", precision: -1 },
  X: { format: "X", precision: -1 },
  f: { format: "f", precision: 6 },
  F: { format: "f", precision: 6 },
  e: { format: "e", precision: 6 },
  E: { format: "E", precision: 6 },
};

function formatFloat(value: number, verb: string, flags: Flags): string | undefined {
  const known = FLOAT_FORMATS[verb];
  if (known === undefined) return undefined;
  const precision = flags.precision ?? known.precision;
  let text = formatGoFloat(Math.abs(value), known.format, precision);
  if (flags.sharp && known.format !== "b") text = withPoint(text, known.format, precision);
  const sign = signOf(value < 0 || Object.is(value, -0), flags);
  if (sign !== "" && flags.zero && !flags.minus && flags.width !== undefined) {
    return sign + text.padStart(flags.width - sign.length, "0");
  }
  return padded(sign + text, flags);
}

/** The sharp flag: always a decimal point, and the trailing zeros that %g drops. */
function withPoint(text: string, format: FloatFormat, precision: number): string {
  const match = /^(0[xX])?([0-9a-fA-F.]*?)([pPeE][+-][0-9]+)?$/.exec(text);
  const [, hex = "", mantissa = text, tail = ""] = match ?? [];
  const significant = mantissa.replace(".", "").replace(/^0+/, "").length;
  const keepsZeros = format === "g" || format === "G" || format === "x";
  let missing = keepsZeros ? (precision === -1 ? 6 : precision) - significant : 0;
  const pointed = mantissa.includes(".") ? mantissa : `${mantissa}.`;
  // The lone digit 0 counts, as does hexadecimal's "x" in Go's own count.
  if (!mantissa.includes(".") && mantissa === "0" && hex === "") missing--;
  if (hex !== "") missing--;
  return hex + pointed + "0".repeat(Math.max(missing, 0)) + tail;
}

function signOf(negative: boolean, flags: Flags): string {
  if (negative) return "-";
  if (flags.plus) return "+";
  return flags.space ? " " : "";
}

/** Cut to the precision, in code points. */
function truncated(text: string, flags: Flags): string {
  return flags.precision === undefined ? text : Array.from(text).slice(0, flags.precision).join("");
}

function padded(text: string, flags: Flags): string {
  const missing = (flags.width ?? 0) - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.minus) return text + " ".repeat(missing);
  return (flags.zero ? "0" : " ").repeat(missing) + text;
}

function isRawQuotable(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are the point
  return !/[\u0000-\u0008\u000a-\u001f`\u007f\ufeff]/.test(text);
}
