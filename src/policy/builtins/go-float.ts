/** The formats of Go's `strconv.FormatFloat`. */
export type FloatFormat = "e" | "E" | "f" | "g" | "G" | "b" | "x" | "X";

/** Decimal digits d₁d₂d₃… of 0.d₁d₂d₃… × 10^point. */
interface Digits {
  readonly digits: string;
  readonly point: number;
}

/**
 * Writes a finite double as Go does: correctly rounded, ties to even.
 *
 * @param precision digits after the point, or significant ones for `g`; -1 for the shortest text
 *   that reads back as the same double.
 */
export function formatGoFloat(value: number, format: FloatFormat, precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  if (format === "b") return sign + powerOfTwo(magnitude);
  if (format === "x") return sign + hexadecimal(magnitude, precision);
  if (format === "X") return sign + hexadecimal(magnitude, precision).toUpperCase();
  const lower = format.toLowerCase();
  const shortest = precision < 0;
  const wanted = lower === "g" && precision === 0 ? 1 : precision;
  const digits = shortest ? shortestDigits(magnitude) : roundedDigits(magnitude, lower, wanted);
  const text = decimal(digits, lower, shortest ? -1 : wanted);
  return sign + (format === lower ? text : text.toUpperCase());
}

function decimal(digits: Digits, format: string, precision: number): string {
  const shortest = precision < 0;
  const count = digits.digits.length;
  if (format === "e") return exponential(digits, shortest ? Math.max(count - 1, 0) : precision);
  if (format === "f")
    return fixed(digits, shortest ? Math.max(count - digits.point, 0) : precision);
  let limit = precision;
  if (limit > count && count >= digits.point) limit = count;
  if (shortest) limit = 6;
  const exponent = count === 0 ? 0 : digits.point - 1;
  if (exponent < -4 || exponent >= limit) {
    const shown = shortest ? count : Math.min(precision, count);
    return exponential(digits, Math.max(shown - 1, 0));
  }
  return fixed(digits, Math.max(count - digits.point, 0));
}

function exponential({ digits, point }: Digits, decimals: number): string {
  const padded = digits.padEnd(decimals + 1, "0");
  const exponent = digits === "" ? 0 : point - 1;
  const exponentText = String(Math.abs(exponent)).padStart(2, "0");
  const fraction = decimals > 0 ? `.${padded.slice(1, decimals + 1)}` : "";
  return `${padded.slice(0, 1)}${fraction}e${exponent < 0 ? "-" : "+"}${exponentText}`;
}

function fixed({ digits, point }: Digits, decimals: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (decimals === 0) return whole;
  const fraction = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return `${whole}.${fraction.slice(0, decimals).padEnd(decimals, "0")}`;
}

/** JavaScript's shortest digits are Go's. */
function shortestDigits(magnitude: number): Digits {
  if (magnitude === 0) return { digits: "", point: 0 };
  const [mantissa = "", exponent = "0"] = magnitude.toExponential().split("e");
  return { digits: mantissa.replace(".", "").replace(/0+$/, ""), point: Number(exponent) + 1 };
}

function roundedDigits(magnitude: number, format: string, precision: number): Digits {
  if (magnitude === 0) return { digits: "", point: 0 };
  const { digits, point } = exactDigits(magnitude);
  const kept = format === "f" ? point + precision : format === "e" ? precision + 1 : precision;
  if (kept < 0) return { digits: "", point: 0 };
  if (kept >= digits.length) return { digits, point };
  return roundAt(digits, point, kept);
}

function roundAt(digits: string, point: number, kept: number): Digits {
  const next = digits.charAt(kept);
  const exactHalf = next === "5" && kept + 1 === digits.length;
  const lastIsOdd = kept > 0 && Number(digits.charAt(kept - 1)) % 2 === 1;
  const up = exactHalf ? lastIsOdd : next >= "5";
  const head = digits.slice(0, kept);
  if (!up) return trimmed(head, point);
  const raised = (BigInt(head === "" ? "0" : head) + 1n).toString().padStart(kept, "0");
  return trimmed(raised, point + (raised.length - kept));
}

function trimmed(digits: string, point: number): Digits {
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? { digits: "", point: 0 } : { digits: kept, point };
}

/** All decimal digits of a double; it is m × 2^e, so there are finitely many. */
function exactDigits(magnitude: number): Digits {
  const { mantissa, exponent } = parts(magnitude);
  const decimals = exponent < 0 ? -exponent : 0;
  const scaled = exponent < 0 ? mantissa * 5n ** BigInt(decimals) : mantissa << BigInt(exponent);
  const text = scaled.toString();
  return { digits: text.replace(/0+$/, ""), point: text.length - decimals };
}

/** @returns value = mantissa × 2^exponent, with the mantissa as the double stores it. */
function parts(magnitude: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, magnitude);
  const bits = view.getBigUint64(0);
  const stored = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  return stored === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: stored - 1075 };
}

function powerOfTwo(magnitude: number): string {
  const { mantissa, exponent } = parts(magnitude);
  return `${mantissa}p${exponent < 0 ? "" : "+"}${exponent}`;
}

function hexadecimal(magnitude: number, precision: number): string {
  let { mantissa, exponent } = parts(magnitude);
  if (mantissa === 0n) return `0x0${precision > 0 ? `.${"0".repeat(precision)}` : ""}p+00`;
  while (mantissa < 1n << 52n) {
    mantissa <<= 1n;
    exponent--;
  }
  exponent += 52;
  if (precision >= 0 && precision < 13) {
    const dropped = BigInt(52 - precision * 4);
    const half = 1n << (dropped - 1n);
    const rest = mantissa & ((1n << dropped) - 1n);
    const odd = ((mantissa >> dropped) & 1n) === 1n;
    mantissa = (mantissa >> dropped) + (rest > half || (rest === half && odd) ? 1n : 0n);
    mantissa <<= dropped;
    if (mantissa >= 1n << 53n) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const all = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(13, "0");
  const fraction =
    precision < 0 ? all.replace(/0+$/, "") : all.slice(0, precision).padEnd(precision, "0");
  const exponentText = String(Math.abs(exponent)).padStart(2, "0");
  return `0x1${fraction === "" ? "" : `.${fraction}`}p${exponent < 0 ? "-" : "+"}${exponentText}`;
}
