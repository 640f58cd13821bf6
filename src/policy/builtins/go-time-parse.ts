import { BuiltinError } from "./builtin.ts";
import { type CivilTime, daysIn, MONTHS, utcSeconds, WEEKDAYS } from "./civil-time.ts";
import { type LayoutPiece, layoutPieces } from "./go-time-layout.ts";

/**
 * Reads a time by a layout, as Go's `time.Parse`: fields that the layout lacks are January 1, 0.
 *
 * @returns ns since the Unix epoch.
 * @throws BuiltinError when the text does not fit the layout or a field is out of range.
 */
export function parseTime(layout: string, text: string): bigint {
  return new TimeReader(layoutPieces(layout), text).read();
}

const OFFSET_FORMS: Readonly<Record<string, RegExp>> = {
  "070000": /^([+-])([0-9]{2})([0-9]{2})([0-9]{2})/,
  "07:00:00": /^([+-])([0-9]{2}):([0-9]{2}):([0-9]{2})/,
  "0700": /^([+-])([0-9]{2})([0-9]{2})/,
  "07:00": /^([+-])([0-9]{2}):([0-9]{2})/,
  "07": /^([+-])([0-9]{2})/,
};

/** What Go takes for a zone's abbreviation, but for `UTC`. */
const ABBREVIATION = /^(?:ChST|MeST|GMT(?:[+-][0-9]+)?|[+-][0-9]+|[A-Z]{3,6})/;

class TimeReader {
  readonly #pieces: readonly LayoutPiece[];
  #rest: string;
  #year = 0;
  #month: number | undefined;
  #day: number | undefined;
  #yearDay: number | undefined;
  #hour = 0;
  #minute = 0;
  #second = 0;
  #nanosecond = 0;
  #offsetS = 0;
  #halfDay: "am" | "pm" | undefined;

  constructor(pieces: readonly LayoutPiece[], text: string) {
    this.#pieces = pieces;
    this.#rest = text;
  }

  read(): bigint {
    for (const [at, piece] of this.#pieces.entries()) {
      if (piece.kind === "text") this.#skip(piece.text);
      else this.#field(piece.text, this.#pieces[at + 1]);
    }
    if (this.#rest !== "") throw bad("extra text");
    return this.#instant();
  }

  #field(field: string, next: LayoutPiece | undefined): void {
    if (/^[-Z]07/.test(field)) this.#readOffset(field);
    else if (/^[.,]/.test(field)) this.#readFraction(field);
    else if (/^(?:2006|06|0?1|January|Jan)$/.test(field)) this.#readYearOrMonth(field);
    else if (/^(?:_?2|02|__2|002|Monday|Mon)$/.test(field)) this.#readDay(field);
    else this.#readClock(field, next);
  }

  #readYearOrMonth(field: string): void {
    switch (field) {
      case "2006":
        this.#year = Number(this.#match(/^[0-9]{4}/));
        break;
      case "06": {
        const year = Number(this.#match(/^[+-]?[0-9]{1,2}/, 2));
        this.#year = year + (year >= 69 ? 1900 : 2000);
        break;
      }
      case "January":
        this.#month = this.#name(MONTHS) + 1;
        break;
      case "Jan":
        this.#month = this.#name(MONTHS.map((name) => name.slice(0, 3))) + 1;
        break;
      default:
        this.#month = this.#number(field === "01", 1, 12);
    }
  }

  #readDay(field: string): void {
    switch (field) {
      case "Monday":
        this.#name(WEEKDAYS);
        break;
      case "Mon":
        this.#name(WEEKDAYS.map((name) => name.slice(0, 3)));
        break;
      case "__2":
        this.#match(/^ {0,2}/);
        this.#yearDay = Number(this.#match(/^[0-9]{1,3}/));
        break;
      case "002":
        this.#yearDay = Number(this.#match(/^[0-9]{3}/));
        break;
      default:
        if (field === "_2") this.#match(/^ ?/);
        this.#day = this.#number(field === "02", 0, 99);
    }
  }

  #readClock(field: string, next: LayoutPiece | undefined): void {
    switch (field) {
      case "15":
        this.#hour = this.#number(false, 0, 23);
        break;
      case "3":
      case "03":
        this.#hour = this.#number(field === "03", 0, 12);
        break;
      case "4":
      case "04":
        this.#minute = this.#number(field === "04", 0, 59);
        break;
      case "5":
      case "05":
        this.#second = this.#number(field === "05", 0, 59);
        // A fraction may follow the seconds though the layout has none.
        if (next === undefined || !/^[.,]/.test(next.text) || next.kind === "text") {
          this.#readFraction(".9");
        }
        break;
      case "PM":
        this.#halfDay = this.#match(/^[AP]M/) === "PM" ? "pm" : "am";
        break;
      case "pm":
        this.#halfDay = this.#match(/^[ap]m/) === "pm" ? "pm" : "am";
        break;
      default:
        this.#readAbbreviation();
    }
  }

  #readFraction(field: string): void {
    if (field.includes("9") && !/^[.,][0-9]/.test(this.#rest)) return;
    const exact = field.includes("0") ? field.length : undefined;
    const text = this.#match(exact === undefined ? /^[.,][0-9]+/ : /^[.,][0-9]+/, exact);
    this.#nanosecond = Number(text.slice(1, 10).padEnd(9, "0"));
  }

  #readOffset(field: string): void {
    if (field.startsWith("Z") && this.#rest.startsWith("Z")) {
      this.#rest = this.#rest.slice(1);
      return;
    }
    const match = OFFSET_FORMS[field.slice(1)]?.exec(this.#rest);
    if (match === undefined || match === null) throw bad("time zone offset");
    const [text, sign, hours = "0", minutes = "0", seconds = "0"] = match;
    if (Number(hours) > 24 || Number(minutes) > 60 || Number(seconds) > 60) {
      throw bad("time zone offset out of range");
    }
    const magnitude = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
    this.#offsetS = sign === "-" ? -magnitude : magnitude;
    this.#rest = this.#rest.slice(text.length);
  }

  /** An abbreviation is read over: only UTC is known, and the others count as UTC too, as in Go. */
  #readAbbreviation(): void {
    if (this.#rest.startsWith("UTC")) {
      this.#rest = this.#rest.slice(3);
      return;
    }
    const found = ABBREVIATION.exec(this.#rest)?.[0] ?? "";
    const letters = /^[A-Z]+$/.test(found) ? found.length : 0;
    const hours = /[+-]([0-9]+)$/.exec(found)?.[1];
    const named = found.startsWith("GMT") || found === "ChST" || found === "MeST";
    let length = found.length;
    if (hours !== undefined && Number(hours) > 23) length = found.startsWith("GMT") ? 3 : 0;
    if (!named && letters === 4 && !/T$|^WITA$/.test(found)) length = 0;
    if (!named && letters === 5 && !found.endsWith("T")) length = 0;
    if (!named && letters === 6) length = 0;
    if (found.startsWith("GMT") && hours === undefined) length = 3;
    if (length === 0) throw bad("time zone");
    this.#rest = this.#rest.slice(length);
  }

  /** Runs of spaces match runs of spaces; other text matches itself. */
  #skip(text: string): void {
    for (let at = 0; at < text.length; ) {
      if (text[at] === " ") {
        if (this.#rest !== "" && !this.#rest.startsWith(" ")) throw bad("space");
        while (text[at] === " ") at++;
        this.#rest = this.#rest.replace(/^ +/, "");
      } else {
        if (this.#rest[0] !== text[at]) throw bad(`text ${text}`);
        this.#rest = this.#rest.slice(1);
        at++;
      }
    }
  }

  #name(names: readonly string[]): number {
    const lower = this.#rest.toLowerCase();
    const index = names.findIndex((name) => lower.startsWith(name.toLowerCase()));
    if (index < 0) throw bad("name");
    this.#rest = this.#rest.slice(names[index]?.length ?? 0);
    return index;
  }

  #number(twoDigits: boolean, min: number, max: number): number {
    const value = Number(this.#match(twoDigits ? /^[0-9]{2}/ : /^[0-9]{1,2}/));
    if (value < min || value > max) throw bad("field out of range");
    return value;
  }

  #match(form: RegExp, length?: number): string {
    const source = length === undefined ? this.#rest : this.#rest.slice(0, length);
    const text = form.exec(source)?.[0];
    if (text === undefined || (length !== undefined && text.length !== length)) throw bad("field");
    this.#rest = this.#rest.slice(text.length);
    return text;
  }

  #instant(): bigint {
    const { month, day } = this.#date();
    if (day < 1 || day > daysIn(this.#year, month)) throw bad("day out of range");
    const civil: CivilTime = {
      year: this.#year,
      month,
      day,
      hour: this.#hourOfDay(),
      minute: this.#minute,
      second: this.#second,
      nanosecond: this.#nanosecond,
    };
    const seconds = BigInt(utcSeconds(civil) - this.#offsetS);
    return seconds * 1_000_000_000n + BigInt(this.#nanosecond);
  }

  #date(): { month: number; day: number } {
    if (this.#yearDay === undefined) return { month: this.#month ?? 1, day: this.#day ?? 1 };
    const date = new Date(0);
    date.setUTCFullYear(this.#year, 0, this.#yearDay);
    if (this.#yearDay < 1 || date.getUTCFullYear() !== this.#year) throw bad("day-of-year");
    const month = date.getUTCMonth() + 1;
    const day = date.getUTCDate();
    if ((this.#month ?? month) !== month || (this.#day ?? day) !== day) throw bad("day-of-year");
    return { month, day };
  }

  #hourOfDay(): number {
    if (this.#halfDay === "pm" && this.#hour < 12) return this.#hour + 12;
    return this.#halfDay === "am" && this.#hour === 12 ? 0 : this.#hour;
  }
}

function bad(what: string): BuiltinError {
  return new BuiltinError(`the text does not fit the layout: ${what}`);
}
