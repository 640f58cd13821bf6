/** Wall-clock fields in some zone; the month is 1 to 12. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
}

export const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

export const WEEKDAYS = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
] as const;

const NS_PER_S = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;

/** @returns the fields that a clock `offsetS` east of UTC shows at that instant. */
export function civilAt(ns: bigint, offsetS: number): CivilTime {
  const seconds = floorDivide(ns, NS_PER_S);
  const date = new Date((Number(seconds) + offsetS) * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    nanosecond: Number(ns - seconds * NS_PER_S),
  };
}

/**
 * Fields out of range carry over: month 13 is January of the next year.
 *
 * @returns seconds since the Unix epoch of these fields read as UTC; NaN beyond the range of dates.
 */
export function utcSeconds(civil: CivilTime): number {
  const date = new Date(0);
  date.setUTCFullYear(civil.year, civil.month - 1, civil.day);
  return date.getTime() / 1000 + civil.hour * 3600 + civil.minute * 60 + civil.second;
}

/** @returns 0 for Sunday. */
export function weekdayOf(civil: CivilTime): number {
  return (
    (((utcSeconds({ ...civil, hour: 0, minute: 0, second: 0 }) / SECONDS_PER_DAY + 4) % 7) + 7) % 7
  );
}

/** @returns 1 for the first of January. */
export function yearDayOf(civil: CivilTime): number {
  const start = utcSeconds({ ...civil, month: 1, day: 1, hour: 0, minute: 0, second: 0 });
  const day = utcSeconds({ ...civil, hour: 0, minute: 0, second: 0 });
  return Math.round((day - start) / SECONDS_PER_DAY) + 1;
}

export function daysIn(year: number, month: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return date.getUTCDate();
}

export function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}
