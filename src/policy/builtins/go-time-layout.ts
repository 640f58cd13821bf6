import {
  type CivilTime,
  civilAt,
  floorDivide,
  MONTHS,
  WEEKDAYS,
  weekdayOf,
  yearDayOf,
} from "./civil-time.ts";
import type { TimeZone } from "./time-zone.ts";

/** A piece of a layout: a reference field of Go's time, such as `2006`, or text as it is. */
export interface LayoutPiece {
  readonly kind: "field" | "text";
  readonly text: string;
}

/** The layouts that OPA knows by name. https://pkg.go.dev/time#pkg-constants */
const NAMED_LAYOUTS: ReadonlyMap<string, string> = new Map([
  ["ANSIC", "Mon Jan _2 15:04:05 2006"],
  ["UnixDate", "Mon Jan _2 15:04:05 MST 2006"],
  ["RubyDate", "Mon Jan 02 15:04:05 -0700 2006"],
  ["RFC822", "02 Jan 06 15:04 MST"],
  ["RFC822Z", "02 Jan 06 15:04 -0700"],
  ["RFC850", "Monday, 02-Jan-06 15:04:05 MST"],
  ["RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"],
  ["RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"],
  ["RFC3339", "2006-01-02T15:04:05Z07:00"],
  ["RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"],
]);

const FIELDS =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm|[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07|[.,](?:0+|9+)(?![0-9])/g;

/** @returns the pieces of a layout, or of the layout of that name. */
export function layoutPieces(nameOrLayout: string): readonly LayoutPiece[] {
  const layout = NAMED_LAYOUTS.get(nameOrLayout) ?? nameOrLayout;
  const pieces: LayoutPiece[] = [];
  let done = 0;
  for (const match of layout.matchAll(FIELDS)) {
    if (match.index > done) pieces.push({ kind: "text", text: layout.slice(done, match.index) });
    pieces.push({ kind: "field", text: match[0] });
    done = match.index + match[0].length;
  }
  if (done < layout.length) pieces.push({ kind: "text", text: layout.slice(done) });
  return pieces;
}

/** Writes an instant, in ns since the Unix epoch, by a layout. */
export function formatTime(ns: bigint, zone: TimeZone, layout: string): string {
  const seconds = Number(floorDivide(ns, 1_000_000_000n));
  const offsetS = zone.offsetAt(seconds);
  const civil = civilAt(ns, offsetS);
  const texts = layoutPieces(layout).map(({ kind, text }) => {
    if (kind === "text") return text;
    if (text === "MST") return zone.abbreviationAt(seconds);
    if (text.includes("07")) return offsetText(text, offsetS);
    return fieldText(text, civil);
  });
  return texts.join("");
}

function fieldText(field: string, civil: CivilTime): string {
  const halfDayHour = civil.hour % 12 === 0 ? 12 : civil.hour % 12;
  switch (field) {
    case "2006":
      return digits(civil.year, 4);
    case "06":
      return digits(civil.year % 100, 2);
    case "January":
      return MONTHS[civil.month - 1] ?? "";
    case "Jan":
      return (MONTHS[civil.month - 1] ?? "").slice(0, 3);
    case "1":
      return String(civil.month);
    case "01":
      return digits(civil.month, 2);
    case "Monday":
      return WEEKDAYS[weekdayOf(civil)] ?? "";
    case "Mon":
      return (WEEKDAYS[weekdayOf(civil)] ?? "").slice(0, 3);
    case "2":
      return String(civil.day);
    case "_2":
      return String(civil.day).padStart(2);
    case "02":
      return digits(civil.day, 2);
    case "__2":
      return String(yearDayOf(civil)).padStart(3);
    case "002":
      return digits(yearDayOf(civil), 3);
    case "15":
      return digits(civil.hour, 2);
    case "3":
      return String(halfDayHour);
    case "03":
      return digits(halfDayHour, 2);
    case "4":
      return String(civil.minute);
    case "04":
      return digits(civil.minute, 2);
    case "5":
      return String(civil.second);
    case "05":
      return digits(civil.second, 2);
    case "PM":
      return civil.hour >= 12 ? "PM" : "AM";
    case "pm":
      return civil.hour >= 12 ? "pm" : "am";
    default:
      return fractionText(field, civil.nanosecond);
  }
}

/** `.000` keeps its zeros, `.999` drops them. */
function fractionText(field: string, nanosecond: number): string {
  const shown = digits(nanosecond, 9)
    .padEnd(field.length - 1, "0")
    .slice(0, field.length - 1);
  if (field.includes("0")) return field.charAt(0) + shown;
  const kept = shown.replace(/0+$/, "");
  return kept === "" ? "" : field.charAt(0) + kept;
}

function offsetText(field: string, offsetS: number): string {
  if (field.startsWith("Z") && offsetS === 0) return "Z";
  const magnitude = Math.abs(offsetS);
  const hours = digits(Math.floor(magnitude / 3600), 2);
  const minutes = digits(Math.floor(magnitude / 60) % 60, 2);
  const seconds = digits(magnitude % 60, 2);
  const shape = field.slice(1);
  // Go takes the sign from the offset in whole minutes.
  const sign = offsetS <= -60 ? "-" : "+";
  const separator = shape.includes(":") ? ":" : "";
  const parts = [hours, minutes, seconds].slice(0, shape.replaceAll(":", "").length / 2);
  return sign + parts.join(separator);
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
