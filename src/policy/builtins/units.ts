import { numberFromBigInt, numberFromText } from "../rego-number.ts";
import type { Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { type Fraction, floorOf, fractionOfText, multiply, roundToBits } from "./fraction.ts";
import { stringOperand } from "./operands.ts";

export const unitBuiltins: readonly (readonly [string, Builtin])[] = [
  ["units.parse", (args) => parseUnits(stringOperand(args, 0))],
  ["units.parse_bytes", (args) => parseBytes(stringOperand(args, 0))],
];

const PREFIXES = ["", "k", "m", "g", "t", "p", "e"];
const MILLI: Fraction = milliAsDouble();
/** The precision with which OPA computes byte amounts. */
const BYTES_BITS = 64;

/** Decimal and binary SI; the case counts for `m` (milli) and `M` (mega) alone. */
function parseUnits(raw: string): Term {
  const { amount, unit } = amountAndUnit(raw.replaceAll('"', ""));
  const value = multiply(numberOf(amount), scaleOf(unit));
  if (value.numerator % value.denominator === 0n) return numberFromBigInt(floorOf(value));
  return numberFromText(tenDecimals(value));
}

function scaleOf(unit: string): Fraction {
  const rest = unit.slice(1).toLowerCase();
  if (unit === "m") return MILLI;
  const power = PREFIXES.indexOf(unit.slice(0, 1).toLowerCase());
  if (power < 0 || (rest !== "" && rest !== "i")) throw unknownUnit(unit);
  return whole(rest === "i" ? 1024n ** BigInt(power) : 1000n ** BigInt(power));
}

/** Any case; rounded as OPA rounds, then cut to a whole number. */
function parseBytes(raw: string): Term {
  const { amount, unit } = amountAndUnit(raw.toLowerCase().replaceAll('"', ""));
  const match = /^(?:([kmgtpe])(i?)b?)?$/.exec(unit);
  if (match === null) throw unknownUnit(unit);
  const power = BigInt(PREFIXES.indexOf(match[1] ?? ""));
  const scale = match[2] === "i" ? 1024n ** power : 1000n ** power;
  const rounded = roundToBits(numberOf(amount), BYTES_BITS);
  return numberFromBigInt(floorOf(roundToBits(multiply(rounded, whole(scale)), BYTES_BITS)));
}

/** Splits where the number ends: at the first character that neither digit, point nor exponent. */
function amountAndUnit(text: string): { amount: string; unit: string } {
  if (text.includes(" ")) throw new BuiltinError("spaces not allowed in resource strings");
  const amount = /^(?:[0-9.+-]|[eE](?:[+-]|(?=[0-9])))*/.exec(text)?.[0] ?? "";
  if (amount === "") throw new BuiltinError("no amount provided");
  if (/[eE][+-]?[0-9]{7}/.test(amount)) throw new BuiltinError("exponent too large");
  return { amount, unit: text.slice(amount.length) };
}

function numberOf(amount: string): Fraction {
  const value = fractionOfText(amount);
  if (value === undefined) throw new BuiltinError("could not parse the amount to a number");
  return value;
}

/** Half away from zero. */
function tenDecimals({ numerator, denominator }: Fraction): string {
  const scale = 10n ** 10n;
  const magnitude = numerator < 0n ? -numerator : numerator;
  const rounded = (2n * magnitude * scale + denominator) / (2n * denominator);
  const decimals = String(rounded % scale).padStart(10, "0");
  return `${numerator < 0n ? "-" : ""}${rounded / scale}.${decimals}`;
}

function whole(value: bigint): Fraction {
  return { numerator: value, denominator: 1n };
}

/** OPA's milli is the double nearest to 0.001, which the tenth decimal of large amounts shows. */
function milliAsDouble(): Fraction {
  const scale = 2 ** 62;
  return { numerator: BigInt(0.001 * scale), denominator: BigInt(scale) };
}

function unknownUnit(unit: string): BuiltinError {
  return new BuiltinError(`unit ${unit} not recognized`);
}
