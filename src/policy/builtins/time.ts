import { integerOf, numberFromBigInt, numberFromText } from "../rego-number.ts";
import { isArray, isNumber, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import {
  type CivilTime,
  civilAt,
  daysIn,
  floorDivide,
  utcSeconds,
  WEEKDAYS,
  weekdayOf,
} from "./civil-time.ts";
import { parseDuration } from "./duration.ts";
import { formatTime } from "./go-time-layout.ts";
import { parseTime } from "./go-time-parse.ts";
import { anyOperand, type Operands, smallIntegerOperand, stringOperand } from "./operands.ts";
import { secondsInZone, type TimeZone, utc, zoneNamed } from "./time-zone.ts";

export const timeBuiltins: readonly (readonly [string, Builtin])[] = [
  ["time.now_ns", (_, env) => numberFromText(env.nowNs)],
  [
    "time.parse_ns",
    (args) => nanoseconds(parseTime(stringOperand(args, 0), stringOperand(args, 1))),
  ],
  ["time.parse_rfc3339_ns", (args) => nanoseconds(parseTime("RFC3339", stringOperand(args, 0)))],
  ["time.parse_duration_ns", (args) => numberFromBigInt(parseDuration(stringOperand(args, 0)))],
  ["time.format", (args) => format(momentAt(args, 0))],
  ["time.date", (args) => datePart(civilOf(momentAt(args, 0)))],
  ["time.clock", (args) => clockPart(civilOf(momentAt(args, 0)))],
  ["time.weekday", (args) => WEEKDAYS[weekdayOf(civilOf(momentAt(args, 0)))]],
  ["time.add_date", addDate],
  ["time.diff", (args) => difference(momentAt(args, 0), momentAt(args, 1))],
];

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NS_PER_S = 1_000_000_000n;

/** An instant, and how its operand wants it shown: `ns`, `[ns, zone]` or `[ns, zone, layout]`. */
interface Moment {
  readonly ns: bigint;
  readonly zone: TimeZone;
  readonly layout: string;
}

function momentAt(args: Operands, at: number): Moment {
  const term = anyOperand(args, at);
  const [first = null, zoneName = "", layout = ""] = isArray(term) ? term : [term];
  const ns = isNumber(first) ? integerOf(first) : undefined;
  if (ns === undefined || ns < INT64_MIN || ns > INT64_MAX) {
    throw new BuiltinError(`operand ${at + 1} must be ns or [ns, zone] within 64 bits`);
  }
  if (typeof zoneName !== "string" || typeof layout !== "string") {
    throw new BuiltinError(`operand ${at + 1} must name its zone and layout by strings`);
  }
  return { ns, zone: zoneNamed(zoneName), layout };
}

function nanoseconds(ns: bigint): Term {
  if (ns < INT64_MIN || ns > INT64_MAX) throw new BuiltinError("time outside of valid range");
  return numberFromBigInt(ns);
}

function format({ ns, zone, layout }: Moment): string {
  return formatTime(ns, zone, layout === "" ? "RFC3339Nano" : layout);
}

function civilOf({ ns, zone }: Moment): CivilTime {
  return civilAt(ns, zone.offsetAt(Number(floorDivide(ns, NS_PER_S))));
}

function datePart({ year, month, day }: CivilTime): Term {
  return [year, month, day];
}

function clockPart({ hour, minute, second }: CivilTime): Term {
  return [hour, minute, second];
}

/** Adds to the fields of the zone's calendar; days beyond a month carry over. */
function addDate(args: Operands): Term {
  const moment = momentAt(args, 0);
  const civil = civilOf(moment);
  const local = utcSeconds({
    ...civil,
    year: civil.year + smallIntegerOperand(args, 1),
    month: civil.month + smallIntegerOperand(args, 2),
    day: civil.day + smallIntegerOperand(args, 3),
  });
  if (!Number.isFinite(local)) throw new BuiltinError("time outside of valid range");
  const seconds = moment.zone === utc ? local : secondsInZone(local, moment.zone);
  return nanoseconds(BigInt(seconds) * NS_PER_S + BigInt(civil.nanosecond));
}

/** Years, months, days, hours, minutes and seconds between two instants, in the first's zone. */
function difference(a: Moment, b: Moment): Term {
  const sameZone = { ...b, zone: a.zone };
  const [from, to] = a.ns <= b.ns ? [a, sameZone] : [sameZone, a];
  const start = civilOf(from);
  const end = civilOf(to);
  let second = end.second - start.second;
  let minute = end.minute - start.minute;
  let hour = end.hour - start.hour;
  let day = end.day - start.day;
  let month = end.month - start.month;
  let year = end.year - start.year;
  if (second < 0) [second, minute] = [second + 60, minute - 1];
  if (minute < 0) [minute, hour] = [minute + 60, hour - 1];
  if (hour < 0) [hour, day] = [hour + 24, day - 1];
  if (day < 0) [day, month] = [day + daysIn(start.year, start.month), month - 1];
  if (month < 0) [month, year] = [month + 12, year - 1];
  return [year, month, day, hour, minute, second];
}
