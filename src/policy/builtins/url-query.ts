import { isArray, RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { jsonEntriesOf } from "./json-text.ts";
import { boundedText, objectOperand, stringOperand } from "./operands.ts";
import { percentDecoded, percentEncoded } from "./percent.ts";

/** Query strings as Go's `net/url` writes and reads them. */
export const urlQueryBuiltins: readonly (readonly [string, Builtin])[] = [
  ["urlquery.encode", (args) => encode(stringOperand(args, 0))],
  ["urlquery.decode", (args) => decode(stringOperand(args, 0))],
  ["urlquery.encode_object", (args) => encodeObject(objectOperand(args, 0))],
  ["urlquery.decode_object", (args) => decodeObject(stringOperand(args, 0))],
];

function encode(text: string): string {
  return boundedText(percentEncoded(text, /[\w.~-]/).replaceAll("%20", "+"));
}

function decode(text: string): string {
  return percentDecoded(text.replaceAll("+", " "));
}

/** Keys sorted; a list gives its key once for each value. */
function encodeObject(object: RegoObject): string {
  const pairs: string[] = [];
  for (const [key, value] of jsonEntriesOf(object)) {
    for (const member of valuesOf(value)) pairs.push(`${encode(key)}=${encode(member)}`);
  }
  return boundedText(pairs.join("&"));
}

function valuesOf(value: Term): readonly string[] {
  const members = isArray(value) ? value : value instanceof RegoSet ? value.members : [value];
  return members.map((member) => {
    if (typeof member !== "string")
      throw new BuiltinError("values must be strings or lists of them");
    return member;
  });
}

function decodeObject(query: string): Term {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair.includes(";")) throw new BuiltinError("invalid semicolon separator in query");
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const key = decode(equals < 0 ? pair : pair.slice(0, equals));
    const list = values.get(key) ?? [];
    list.push(equals < 0 ? "" : decode(pair.slice(equals + 1)));
    values.set(key, list);
  }
  return new RegoObject(values);
}
