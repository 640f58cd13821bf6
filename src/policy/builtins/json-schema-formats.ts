import { BuiltinError } from "./builtin.ts";
import { parseTime } from "./go-time-parse.ts";
import { type GoUrl, parseGoUrl } from "./go-url.ts";
import { parseIp } from "./ip-address.ts";
import { compileRegex } from "./regex-engine.ts";

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const HOSTNAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const UUID = /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/i;
const POINTER = /^(?:\/(?:[^~/]|~0|~1)*)*$/;
const RELATIVE_POINTER = /^(?:0|[1-9][0-9]*)(?:#|(?:\/(?:[^~/]|~0|~1)*)*)$/;
const ATOM = "[\\w!#$%&'*+/=?^`{|}~\\u0080-\\u{10ffff}-]+";
const QUOTED = '"(?:[^"\\\\\\r\\n]|\\\\.)*"';
const ADDRESS = `(?:${ATOM}(?:\\.${ATOM})*|${QUOTED})@(?:${ATOM}(?:\\.${ATOM})*|\\[[^\\]\\[]*\\])`;
/** An address, or a name before one in angle brackets (RFC 5322). */
const MAILBOX = new RegExp(
  `^\\s*(?:${ADDRESS}|(?:(?:${ATOM}|${QUOTED}|\\.)\\s*)*<\\s*${ADDRESS}\\s*>)\\s*$`,
  "u",
);

const CHECKS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["date", isTime(["2006-01-02"])],
  ["time", isTime(["15:04:05Z07:00", "15:04:05"])],
  ["date-time", isTime(["15:04:05", "15:04:05Z07:00", "2006-01-02", "RFC3339", "RFC3339Nano"])],
  ["hostname", (text) => HOSTNAME.test(text) && text.length < 256],
  ["email", (text) => MAILBOX.test(text)],
  ["idn-email", (text) => MAILBOX.test(text)],
  ["ipv4", (text) => text.includes(".") && parseIp(text) !== undefined],
  ["ipv6", (text) => text.includes(":") && parseIp(text) !== undefined],
  ["uri", isAbsoluteUrl],
  ["iri", isAbsoluteUrl],
  ["uri-reference", isUrl],
  ["iri-reference", isUrl],
  [
    "uri-template",
    (text) => isUrl(text) && /^(?:[^{]*(?:\{[^}]*\})?)*$/.test(urlOf(text)?.path ?? "{"),
  ],
  ["uuid", (text) => UUID.test(text)],
  ["regex", isRegex],
  ["json-pointer", (text) => POINTER.test(text)],
  ["relative-json-pointer", (text) => RELATIVE_POINTER.test(text)],
]);

/** Longest text whose format is checked, in UTF-16 units. */
const TEXT_UNITS_MAX = 10_000;

/** @returns true also for a format that is not known. */
export function hasFormat(text: string, format: string): boolean {
  const check = CHECKS.get(format);
  if (check === undefined) return true;
  if (text.length > TEXT_UNITS_MAX) throw new BuiltinError("a text is too long for its format");
  return check(text);
}

function isTime(layouts: readonly string[]): (text: string) => boolean {
  return (text) => layouts.some((layout) => succeeds(() => parseTime(layout, text)));
}

function urlOf(text: string): GoUrl | undefined {
  let url: GoUrl | undefined;
  succeeds(() => {
    url = parseGoUrl(text);
  });
  return url;
}

function isUrl(text: string): boolean {
  return urlOf(text) !== undefined && !text.includes("\\");
}

function isAbsoluteUrl(text: string): boolean {
  const url = urlOf(text);
  return url !== undefined && url.scheme !== "" && !text.includes("\\");
}

function isRegex(text: string): boolean {
  return text === "" || succeeds(() => compileRegex(text));
}

function succeeds(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof BuiltinError) return false;
    throw error;
  }
}
