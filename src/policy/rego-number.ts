/**
 * A number of Rego, exact. A JavaScript number stands where its shortest text is the very text
 * that was read; everything else (integers above 2^53, `1e400`, `1.0`) keeps its text.
 */
export type RegoNumber = number | ExactNumber;

/** A number kept as decimal text, in JSON's number syntax. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Value = ± 0.digits × 10^exponent; digits carry no leading and no trailing zero, "" is zero. */
interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly exponent: bigint;
}

/** Integers with more decimal digits than this are not expanded from an exponent form. */
const EXPANDED_DIGITS_MAX = 10_000n;

/** @returns the number that this text spells; the text must be in JSON's number syntax. */
export function numberFromText(text: string): RegoNumber {
  const value = Number(text);
  return String(value) === text ? value : new ExactNumber(text);
}

/** @returns the number of this integer. */
export function numberFromBigInt(value: bigint): RegoNumber {
  return numberFromText(value.toString());
}

export function numberText(value: RegoNumber): string {
  return value instanceof ExactNumber ? value.text : String(value);
}

/** @returns below 0, 0 or above 0, by value: `1`, `1.0` and `1e0` are equal. */
export function compareNumbers(a: RegoNumber, b: RegoNumber): number {
  // Shortest texts of doubles are ordered as the doubles are.
  if (typeof a === "number" && typeof b === "number") return a - b;
  return compareDecimals(decimalOf(a), decimalOf(b));
}

/** @returns a text that is the same for numbers of the same value, and for them only. */
export function numberKey(value: RegoNumber): string {
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  const { sign, digits, exponent } = decimalOf(value);
  if (sign === 0) return "0";
  const length = BigInt(digits.length);
  if (exponent >= length && exponent <= 16n) {
    return `${sign < 0 ? "-" : ""}${digits}${"0".repeat(Number(exponent - length))}`;
  }
  return `${sign < 0 ? "-" : ""}.${digits}e${exponent}`;
}

/** @returns the integer of this value (`1e3` and `1.0` count), or undefined when it is none. */
export function integerOf(value: RegoNumber): bigint | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  const { sign, digits, exponent } = decimalOf(value);
  if (sign === 0) return 0n;
  const length = BigInt(digits.length);
  if (exponent < length || exponent > EXPANDED_DIGITS_MAX) return undefined;
  return BigInt(sign) * BigInt(digits + "0".repeat(Number(exponent - length)));
}

/** @returns the nearest double; infinite beyond its range. */
export function doubleOf(value: RegoNumber): number {
  return typeof value === "number" ? value : Number(value.text);
}

function decimalOf(value: RegoNumber): Decimal {
  const text = numberText(value);
  const negative = text.startsWith("-");
  const mantissaEnd = text.search(/[eE]/);
  const mantissa = text.slice(negative ? 1 : 0, mantissaEnd < 0 ? text.length : mantissaEnd);
  const point = mantissa.indexOf(".");
  const whole = point < 0 ? mantissa : mantissa.slice(0, point);
  const all = whole + (point < 0 ? "" : mantissa.slice(point + 1));
  const digits = all.replace(/^0+/, "");
  if (digits === "") return { sign: 0, digits: "", exponent: 0n };
  const written = mantissaEnd < 0 ? 0n : BigInt(text.slice(mantissaEnd + 1).replace("+", ""));
  const leadingZeros = all.length - digits.length;
  return {
    sign: negative ? -1 : 1,
    digits: digits.replace(/0+$/, ""),
    exponent: written + BigInt(whole.length - leadingZeros),
  };
}

function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  if (a.sign === 0) return 0;
  if (a.exponent !== b.exponent) return a.exponent < b.exponent ? -a.sign : a.sign;
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -a.sign : a.sign;
}
