/** Percentiles in the unit of the values. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** The middle of several rounds, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function latencyOf(values: readonly number[]): Latency {
  const sorted = Float64Array.from(values).sort();
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), p999: quantile(sorted, 0.999) };
}

/** @returns NaN for no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const { length } = sorted;
  const median =
    (at(sorted, Math.floor((length - 1) / 2)) + at(sorted, Math.floor(length / 2))) / 2;
  return { median, least: at(sorted, 0), most: at(sorted, length - 1) };
}

/** The smallest value that the share of all values does not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return at(sorted, Math.max(0, Math.ceil(sorted.length * share) - 1));
}

function at(sorted: Float64Array, index: number): number {
  return sorted[index] ?? Number.NaN;
}
