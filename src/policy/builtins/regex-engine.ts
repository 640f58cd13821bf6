import { type Matcher, MatcherInput, RE2JS } from "re2js";
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
/** Steps that matching may take: units of text read times instructions of the program. */
const STEPS_MAX = 100_000_000;

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
  return matcherOf(regex, text).find();
}

/**
 * All matches from left to right that do not overlap, as Go finds them: an empty match right behind
 * another match does not count.
 *
 * @param limit most matches wanted; below 0 for all.
 * @throws BuiltinError when matching would take too many steps.
 */
export function allMatches(regex: RE2JS, text: string, limit = -1): readonly RegexMatch[] {
  const matcher = matcherOf(regex, text);
  const found: RegexMatch[] = [];
  let previousEnd = -1;
  for (let at = 0; at <= text.length; ) {
    if (found.length === limit || !matcher.find(at)) break;
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

function matcherOf(regex: RE2JS, text: string): Matcher {
  return regex.matcher(MatcherInput.utf16(new CountedText(text, regex.programSize())));
}

/** A text that lets itself be read by the matcher only so often; all that re2js asks of a text. */
class CountedText {
  readonly [Symbol.toStringTag] = "String";
  readonly length: number;
  readonly #text: string;
  #readsLeft: number;

  constructor(text: string, stepsPerRead: number) {
    this.#text = text;
    this.length = text.length;
    this.#readsLeft = STEPS_MAX / Math.max(1, stepsPerRead);
  }

  /** @throws BuiltinError when it was read too often. */
  charCodeAt(at: number): number {
    this.#charge(1);
    return this.#text.charCodeAt(at);
  }

  /** @throws BuiltinError when it was read too often. */
  indexOf(wanted: string, from: number): number {
    const found = this.#text.indexOf(wanted, from);
    this.#charge((found < 0 ? this.length : found) - from);
    return found;
  }

  substring(start: number, end: number): string {
    return this.#text.slice(start, end);
  }

  toString(): string {
    return this.#text;
  }

  #charge(reads: number): void {
    this.#readsLeft -= reads;
    if (this.#readsLeft < 0) throw new BuiltinError("matching would take too many steps");
  }
}

/** @returns the text with all that means something in a regular expression escaped. */
export function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}
