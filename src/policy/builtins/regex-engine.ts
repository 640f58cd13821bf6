import { RE2JS } from "re2js";
import { BoundedCache } from "./bounded-cache.ts";
import { BuiltinError } from "./builtin.ts";

/** One match; groups by number, undefined where a group took no part. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
}

/** Longest pattern, in UTF-16 units. */
const PATTERN_UNITS_MAX = 10_000;
/** Steps of matching allowed: instructions of the program times units of text, matches over text. */
const STEPS_MAX = 200_000_000;

const compiled = new BoundedCache<RE2JS>(256);

/**
 * A regular expression with RE2's syntax and meaning: no backtracking, so time grows with pattern
 * times text.
 *
 * @throws BuiltinError when the pattern is no regular expression or too long.
 */
export function compileRegex(pattern: string): RE2JS {
  if (pattern.length > PATTERN_UNITS_MAX)
    throw new BuiltinError("the regular expression is too long");
  return compiled.get(pattern, () => {
    try {
      return RE2JS.compile(pattern);
    } catch (cause) {
      throw new BuiltinError("invalid regular expression", { cause });
    }
  });
}

/** @throws BuiltinError when matching would take too many steps. */
export function matchesSomewhere(regex: RE2JS, text: string): boolean {
  checkSteps(regex.programSize() * text.length);
  return regex.matcher(text).find();
}

/**
 * All matches from left to right that do not overlap, as Go finds them: an empty match right behind
 * another match does not count.
 *
 * @param limit most matches wanted; below 0 for all.
 * @throws BuiltinError when matching would take too many steps.
 */
export function allMatches(regex: RE2JS, text: string, limit = -1): readonly RegexMatch[] {
  checkSteps(regex.programSize() * text.length);
  const matcher = regex.matcher(text);
  const found: RegexMatch[] = [];
  let previousEnd = -1;
  let steps = 0;
  for (let at = 0; at <= text.length; ) {
    if (found.length === limit || !matcher.find(at)) break;
    steps += text.length - at;
    checkSteps(steps);
    const start = matcher.start();
    const end = matcher.end();
    const adjacentEmpty = end === at && start === previousEnd;
    at = end === at ? at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) : end;
    previousEnd = end;
    if (adjacentEmpty) continue;
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, group) => {
      return matcher.group(group) ?? undefined;
    });
    found.push({ start, end, groups });
  }
  return found;
}

function checkSteps(steps: number): void {
  if (steps > STEPS_MAX) throw new BuiltinError("matching would take too many steps");
}

/** @returns the text with all that means something in a regular expression escaped. */
export function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}
