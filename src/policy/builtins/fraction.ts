/** An exact quotient; the denominator is above 0. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Decimal exponents beyond this are not expanded. */
const EXPONENT_MAX = 20_000;

/**
 * @param text decimal digits with an optional sign, point and exponent, such as `-1.5e3` or `.5`.
 * @returns undefined for other text, and for exponents too large to expand.
 */
export function fractionOfText(text: string): Fraction | undefined {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", decimals = "", exponentText = "0"] = match;
  if (whole + decimals === "") return undefined;
  const exponent = Number(exponentText) - decimals.length;
  if (Math.abs(exponent) > EXPONENT_MAX) return undefined;
  const digits = BigInt(`${whole}${decimals}`) * (sign === "-" ? -1n : 1n);
  const power = 10n ** BigInt(Math.abs(exponent));
  return exponent < 0
    ? { numerator: digits, denominator: power }
    : { numerator: digits * power, denominator: 1n };
}

export function multiply(a: Fraction, b: Fraction): Fraction {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

/** @returns the whole part, towards zero. */
export function floorOf({ numerator, denominator }: Fraction): bigint {
  return numerator / denominator;
}

/** @returns the nearest binary floating-point number with so many bits of mantissa, ties to even. */
export function roundToBits({ numerator, denominator }: Fraction, bits: number): Fraction {
  if (numerator === 0n) return { numerator, denominator: 1n };
  const sign = numerator < 0n ? -1n : 1n;
  const magnitude = numerator * sign;
  let shift = bits - (bitLength(magnitude) - bitLength(denominator));
  let mantissa = divideToEven(magnitude, denominator, shift);
  if (bitLength(mantissa) > bits) {
    shift--;
    mantissa = divideToEven(magnitude, denominator, shift);
  }
  return shift >= 0
    ? { numerator: sign * mantissa, denominator: 1n << BigInt(shift) }
    : { numerator: sign * (mantissa << BigInt(-shift)), denominator: 1n };
}

/** @returns numerator · 2^shift / denominator, rounded half to even. */
function divideToEven(numerator: bigint, denominator: bigint, shift: number): bigint {
  const dividend = shift >= 0 ? numerator << BigInt(shift) : numerator;
  const divisor = shift >= 0 ? denominator : denominator << BigInt(-shift);
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  const up = twice > divisor || (twice === divisor && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}
