import type { Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { globsIntersect } from "./globs-intersect.ts";
import { boundedText, type Operands, smallIntegerOperand, stringOperand } from "./operands.ts";
import {
  allMatches,
  compileRegex,
  matchesSomewhere,
  quoteRegex,
  type RegexMatch,
} from "./regex-engine.ts";

export const regexBuiltins: readonly (readonly [string, Builtin])[] = [
  ["regex.find_n", findN],
  ["regex.split", (args) => split(stringOperand(args, 0), stringOperand(args, 1))],
  ["regex.replace", replaceAll],
  ["regex.template_match", matchTemplate],
  ["regex.globs_match", (args) => globsIntersect(stringOperand(args, 0), stringOperand(args, 1))],
  ["glob.quote_meta", (args) => stringOperand(args, 0).replace(/[*?\\[\]{}]/g, "\\$&")],
];

function findN(args: Operands): Term {
  const text = stringOperand(args, 1);
  const limit = smallIntegerOperand(args, 2);
  const matches = allMatches(compileRegex(stringOperand(args, 0)), text, limit);
  return matches.map(({ start, end }) => text.slice(start, end));
}

function split(pattern: string, text: string): Term {
  const regex = compileRegex(pattern);
  if (pattern !== "" && text === "") return [""];
  const parts: string[] = [];
  let partStart = 0;
  let lastStart = 0;
  for (const { start, end } of allMatches(regex, text)) {
    lastStart = start;
    // A match at the very beginning that is empty cuts nothing off.
    if (end !== 0) parts.push(text.slice(partStart, start));
    partStart = end;
  }
  if (lastStart !== text.length) parts.push(text.slice(partStart));
  return parts;
}

function replaceAll(args: Operands): Term {
  const text = stringOperand(args, 0);
  const regex = compileRegex(stringOperand(args, 1));
  const template = stringOperand(args, 2);
  const names = new Map<string, number>(Object.entries(regex.namedGroups()));
  let out = "";
  let done = 0;
  for (const match of allMatches(regex, text)) {
    out = boundedText(out + text.slice(done, match.start) + expanded(template, match, names));
    done = match.end;
  }
  return boundedText(out + text.slice(done));
}

/** `$1`, `$name` (as long a name as can be), `${name}` and `$$`; anything else stays. */
function expanded(template: string, match: RegexMatch, names: ReadonlyMap<string, number>): string {
  const reference = /\$(?:(\$)|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu;
  return template.replace(reference, (_, dollar?: string, bare?: string, braced?: string) => {
    if (dollar !== undefined) return "$";
    const name = bare ?? braced ?? "";
    const number = /^(?:0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : names.get(name);
    return number === undefined ? "" : (match.groups[number] ?? "");
  });
}

/** A text with regular expressions between delimiters matches as a whole. */
function matchTemplate(args: Operands): Term {
  const template = stringOperand(args, 0);
  const open = delimiterOperand(args, 2);
  const close = delimiterOperand(args, 3);
  let pattern = "^";
  let depth = 0;
  let start = 0;
  for (let at = 0; at < template.length; at++) {
    if (template[at] === open) {
      if (depth === 0) {
        pattern += quoteRegex(template.slice(start, at));
        start = at + 1;
      }
      depth++;
    } else if (template[at] === close) {
      depth--;
      if (depth < 0) throw new BuiltinError("unbalanced delimiters");
      if (depth > 0) continue;
      const inner = template.slice(start, at);
      compileRegex(`^${inner}$`);
      pattern += `(${inner})`;
      start = at + 1;
    }
  }
  if (depth !== 0) throw new BuiltinError("unbalanced delimiters");
  const regex = compileRegex(`${pattern}${quoteRegex(template.slice(start))}$`);
  return matchesSomewhere(regex, stringOperand(args, 1));
}

function delimiterOperand(args: Operands, at: number): string {
  const delimiter = stringOperand(args, at);
  // oxlint-disable-next-line no-control-regex -- one byte of UTF-8 is one ASCII character
  if (!/^[\u0000-\u007f]$/.test(delimiter)) throw new BuiltinError("a delimiter is one character");
  return delimiter;
}
