import { BoundedCache } from "./bounded-cache.ts";
import { BuiltinError } from "./builtin.ts";
import { utcSeconds } from "./civil-time.ts";
import { listedAbbreviation } from "./time-zone-names.ts";

/** A zone of the IANA database, by the data that Node carries. */
export interface TimeZone {
  /** Seconds east of UTC at an instant, in seconds since the Unix epoch. */
  offsetAt(seconds: number): number;
  /** Its abbreviation at that instant, such as `CET`; as `+03` where it has no letters. */
  abbreviationAt(seconds: number): string;
}

export const utc: TimeZone = { offsetAt: () => 0, abbreviationAt: () => "UTC" };

const zones = new BoundedCache<TimeZone>(64);

/** Names that stand for a fixed offset in the IANA database, in hours. */
const FIXED: ReadonlyMap<string, number> = new Map([
  ["GMT", 0],
  ["EST", -5],
  ["MST", -7],
  ["HST", -10],
]);

/** English of these regions knows most of the lettered abbreviations. */
const ABBREVIATION_LOCALES = ["en-US", "en-GB", "en-AU", "en-NZ", "en-ZA", "en-IN", "en-CA"];

/** The lettered abbreviations that the IANA database uses today. */
const LETTERED = new Set(
  (
    "ACDT ACST ADT AEDT AEST AKDT AKST AST AWST BST CAT CDT CEST CET CST EAT EDT EEST EET EST " +
    "GMT HDT HKT HST IDT IST JST KST MDT MSK MST NDT NST NZDT NZST PDT PKT PST SAST SST UTC " +
    "WAT WEST WET WIB WIT WITA"
  ).split(" "),
);

/**
 * @param name as in the IANA database, in its own case; "" and "UTC" are UTC, and so is "Local",
 *   since a decision does not depend on the zone of its process.
 * @throws BuiltinError for an unknown zone.
 */
export function zoneNamed(name: string): TimeZone {
  if (name === "" || name === "UTC" || name === "Local") return utc;
  const fixedHours = FIXED.get(name);
  if (fixedHours !== undefined) {
    return { offsetAt: () => fixedHours * 3600, abbreviationAt: () => name };
  }
  return zones.get(name, () => openZone(name));
}

function openZone(name: string): TimeZone {
  const namedAsInDatabase = /^[A-Z][\w+-]*(?:\/[A-Z][\w+-]*)*$/.test(name);
  if (!namedAsInDatabase) throw new BuiltinError(`unknown time zone ${name}`);
  try {
    const clock = new Intl.DateTimeFormat("en-US", { ...CLOCK_FIELDS, timeZone: name });
    const offsetAt = (seconds: number): number => offsetBy(clock, seconds);
    return {
      offsetAt,
      abbreviationAt: (seconds) => abbreviation(name, offsetAt(seconds), seconds),
    };
  } catch (cause) {
    throw new BuiltinError(`unknown time zone ${name}`, { cause });
  }
}

const CLOCK_FIELDS: Intl.DateTimeFormatOptions = {
  calendar: "gregory",
  numberingSystem: "latn",
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};

function offsetBy(clock: Intl.DateTimeFormat, seconds: number): number {
  const fields = new Map<string, number>();
  for (const { type, value } of clock.formatToParts(seconds * 1000))
    fields.set(type, Number(value));
  const shown = utcSeconds({
    year: fields.get("year") ?? 0,
    month: fields.get("month") ?? 0,
    day: fields.get("day") ?? 0,
    hour: fields.get("hour") ?? 0,
    minute: fields.get("minute") ?? 0,
    second: fields.get("second") ?? 0,
    nanosecond: 0,
  });
  return shown - seconds;
}

function abbreviation(name: string, offset: number, seconds: number): string {
  // Local mean time, before zones were agreed on, is off by odd minutes.
  if (offset % 900 !== 0) return "LMT";
  const listed = listedAbbreviation(name, offset);
  if (listed !== undefined) return listed === "numeric" ? numeric(offset) : listed;
  for (const locale of ABBREVIATION_LOCALES) {
    const format = new Intl.DateTimeFormat(locale, { timeZone: name, timeZoneName: "short" });
    const part = format.formatToParts(seconds * 1000).find(({ type }) => type === "timeZoneName");
    if (part !== undefined && LETTERED.has(part.value)) return part.value;
  }
  return numeric(offset);
}

function numeric(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60);
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${hours}${rest}`;
}

/** @returns the instant at which clocks of the zone show these fields, as Go resolves gaps. */
export function secondsInZone(localSeconds: number, zone: TimeZone): number {
  const guess = zone.offsetAt(localSeconds);
  return localSeconds - zone.offsetAt(localSeconds - guess);
}
