import { BuiltinError } from "./builtin.ts";
import { formatGoFloat } from "./go-float.ts";

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const HOURS: Readonly<Record<string, number>> = { d: 24, w: 7 * 24, y: 365 * 24 };
const MAGNITUDE_MAX = 2n ** 63n;

/**
 * Reads a duration as Go does, and beside it days, weeks and years of 365 days.
 *
 * @returns ns.
 * @throws BuiltinError
 */
export function parseDuration(text: string): bigint {
  const plain = /[dwy]/.test(text) ? withoutLongUnits(text) : text;
  const negative = plain.startsWith("-");
  const unsigned = plain.replace(/^[+-]/, "");
  if (unsigned === "0") return 0n;
  if (!/^(?:[0-9.]+[^0-9.]+)+$/.test(unsigned)) throw bad(text);
  let total = 0n;
  for (const [, amount = "", unit = ""] of unsigned.matchAll(/([0-9.]+)([^0-9.]+)/g)) {
    total += segmentNs(text, amount, unit);
    if (total > MAGNITUDE_MAX) throw bad(text);
  }
  if (!negative && total === MAGNITUDE_MAX) throw bad(text);
  return negative ? -total : total;
}

function segmentNs(text: string, amount: string, unit: string): bigint {
  const scale = UNITS[unit];
  const match = /^([0-9]*)(?:\.([0-9]*))?$/.exec(amount);
  if (scale === undefined || match === null) throw bad(text);
  const [, whole = "", decimals = ""] = match;
  if (whole + decimals === "") throw bad(text);
  const wholeNs = BigInt(whole === "" ? "0" : whole) * scale;
  if (wholeNs > MAGNITUDE_MAX) throw bad(text);
  // Go computes the part after the point in doubles, from the digits that fit in 63 bits.
  const kept = BigInt(`0${decimals.slice(0, 19)}`) < MAGNITUDE_MAX ? 19 : 18;
  const fraction = decimals.slice(0, kept);
  const factor = Number(scale) / 10 ** fraction.length;
  return wholeNs + BigInt(Math.trunc(Number(`0${fraction}`) * factor));
}

function withoutLongUnits(text: string): string {
  const match = /^([+-]?)((?:[0-9.]+(?:ms|us|µs|ns|[a-z]))+)$/.exec(text);
  if (match === null) throw bad(text);
  const [, sign = "", segments = ""] = match;
  return (
    sign +
    segments.replace(/([0-9.]+)([dwy])/g, (_, amount: string, unit: string) => {
      const hours = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(amount) ? Number(amount) : Number.NaN;
      if (!Number.isFinite(hours)) throw bad(text);
      return `${formatGoFloat(hours * (HOURS[unit] ?? 0), "f", -1)}h`;
    })
  );
}

function bad(text: string): BuiltinError {
  return new BuiltinError(`invalid duration ${JSON.stringify(text.slice(0, 64))}`);
}
