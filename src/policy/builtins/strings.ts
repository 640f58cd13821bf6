import { isArray, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import {
  anyOperand,
  type Operands,
  smallIntegerOperand,
  stringOperand,
  stringsOperand,
} from "./operands.ts";

export const stringBuiltins: readonly (readonly [string, Builtin])[] = [
  ["indexof_n", (args) => indexesOf(stringOperand(args, 0), stringOperand(args, 1))],
  ["strings.count", (args) => countOf(stringOperand(args, 0), stringOperand(args, 1))],
  ["strings.split_n", splitN],
  ["strings.any_prefix_match", anyAffix((text, affix) => text.startsWith(affix))],
  ["strings.any_suffix_match", anyAffix((text, affix) => text.endsWith(affix))],
];

/** Positions in code points, overlapping matches too. */
function indexesOf(text: string, search: string): Term {
  if (search === "") throw new BuiltinError("empty search character");
  const found: number[] = [];
  let points = 0;
  let counted = 0;
  for (let at = text.indexOf(search); at >= 0; at = text.indexOf(search, at + 1)) {
    points += codePointCount(text.slice(counted, at));
    counted = at;
    found.push(points);
  }
  return found;
}

/** Matches that do not overlap; the empty search matches around every code point, as in Go. */
function countOf(text: string, search: string): number {
  return search === "" ? codePointCount(text) + 1 : text.split(search).length - 1;
}

/** The first `count` parts, or the last ones where `count` is negative. */
function splitN(args: Operands): Term {
  const text = stringOperand(args, 0);
  const delimiter = stringOperand(args, 1);
  const count = smallIntegerOperand(args, 2);
  const parts = delimiter === "" ? Array.from(text) : text.split(delimiter);
  return count >= 0 ? parts.slice(0, count) : parts.slice(count);
}

function anyAffix(matches: (text: string, affix: string) => boolean): Builtin {
  return (args) => {
    const texts = stringOrStrings(args, 0);
    const affixes = stringOrStrings(args, 1);
    return texts.some((text) => affixes.some((affix) => matches(text, affix)));
  };
}

function stringOrStrings(args: Operands, at: number): readonly string[] {
  const term = anyOperand(args, at);
  if (isArray(term) || term instanceof RegoSet) return stringsOperand(args, at);
  return [stringOperand(args, at)];
}

function codePointCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
