import { BuiltinError } from "./builtin.ts";

/** One place of a glob: a character, any character (`.`) or a class, with its repetition. */
interface Token {
  /** Undefined for any character. */
  readonly characters: ReadonlySet<string> | undefined;
  readonly isClass: boolean;
  readonly repeat: Repeat;
}

type Repeat = "once" | "plus" | "star";
type Glob = readonly Token[];

/** Characters that the classes of a glob may list. */
const CLASS_MAX = 70_000;
/** Steps of the comparison. */
const STEPS_MAX = 200_000;

/**
 * Globs of `.`, classes, `+` and `*`: whether some text matches both, as OPA answers it. OPA does
 * not try every way to share out a text over repetitions, so its answer is not always that of set
 * theory (`a*b+` against `.a` and the like); a policy gets the answer that it gets from OPA.
 *
 * @throws BuiltinError for a glob that is malformed.
 */
export function globsIntersect(left: string, right: string): boolean {
  const trimmed = withoutCommonEnds(simplified(tokensOf(left)), simplified(tokensOf(right)));
  return trimmed !== undefined && new Comparison(trimmed).meet(0, 0, 0);
}

type Side = 0 | 1;

/** Compares what is left of both globs: `a` is the glob of `side` from `atA` on, `b` the other. */
class Comparison {
  readonly #globs: readonly [Glob, Glob];
  readonly #answers = new Map<string, boolean>();
  #steps = 0;

  constructor(globs: readonly [Glob, Glob]) {
    this.#globs = globs;
  }

  /** Place by place while neither repeats. */
  meet(side: Side, atA: number, atB: number): boolean {
    const key = `${side},${atA},${atB}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#meet(side, atA, atB);
    this.#answers.set(key, answer);
    return answer;
  }

  #meet(side: Side, atA: number, atB: number): boolean {
    const a = this.#globs[side];
    const b = this.#globs[other(side)];
    for (let ahead = 0; ; ahead++) {
      const left = a[atA + ahead];
      const right = b[atB + ahead];
      if (left === undefined || right === undefined) return left === right;
      if (left.repeat !== "once") return this.#repeat(left, side, atA + ahead, atB + ahead);
      if (right.repeat !== "once")
        return this.#repeat(right, other(side), atB + ahead, atA + ahead);
      if (!share(left, right)) return false;
    }
  }

  #repeat(first: Token, side: Side, atA: number, atB: number): boolean {
    if (first.repeat === "star") return this.#swallow(first, side, atA, atB);
    const right = this.#globs[other(side)][atB];
    if (right === undefined || !share(first, right)) return false;
    if (this.#swallow(first, side, atA, atB + 1)) return true;
    return right.repeat !== "once" && this.meet(side, atA + 1, atB);
  }

  /** The first place of `a` takes places of `b` until the rest of `a` meets the rest of `b`. */
  #swallow(first: Token, side: Side, atA: number, atB: number): boolean {
    const next = this.#globs[side][atA + 1];
    const b = this.#globs[other(side)];
    for (let at = atB; at < b.length; at++) {
      const token = b[at];
      if (++this.#steps > STEPS_MAX) throw new BuiltinError("the globs take too many steps");
      if (token === undefined) break;
      if (next !== undefined && share(token, next) && this.meet(side, atA + 1, at)) return true;
      if (!share(token, first)) return false;
    }
    return next === undefined;
  }
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}

/**
 * Takes off what stands once at both ends, but for one place at each end.
 *
 * @returns undefined where the ends differ.
 */
function withoutCommonEnds(a: Glob, b: Glob): readonly [Glob, Glob] | undefined {
  const atStart = commonOnce(a, b);
  if (atStart === undefined) return undefined;
  const start = Math.max(atStart - 1, 0);
  const atEnd = commonOnce(a.slice(start).toReversed(), b.slice(start).toReversed());
  if (atEnd === undefined) return undefined;
  const end = Math.max(atEnd - 1, 0);
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}

/** @returns how many places from the start stand once in both; undefined where two differ. */
function commonOnce(a: Glob, b: Glob): number | undefined {
  for (let at = 0; ; at++) {
    const left = a[at];
    const right = b[at];
    if (left?.repeat !== "once" || right?.repeat !== "once") return at;
    if (!share(left, right)) return undefined;
  }
}

/** Equal places that repeat, side by side, are one; it is a plus where one of them is. */
function simplified(tokens: Glob): Glob {
  const kept: Token[] = [];
  for (const token of tokens) {
    const last = kept.at(-1);
    const same = last !== undefined && last.repeat !== "once" && token.repeat !== "once";
    if (same && sameCharacters(last, token)) {
      const repeat = last.repeat === "plus" ? "plus" : token.repeat;
      kept[kept.length - 1] = { ...last, repeat };
    } else kept.push(token);
  }
  return kept;
}

function sameCharacters(a: Token, b: Token): boolean {
  if (a.characters === undefined || b.characters === undefined)
    return a.characters === b.characters;
  if (a.isClass !== b.isClass || a.characters.size !== b.characters.size) return false;
  return (
    share(a, b) && [...a.characters].every((character) => b.characters?.has(character) === true)
  );
}

function share(a: Token, b: Token): boolean {
  if (a.characters === undefined || b.characters === undefined) return true;
  for (const character of a.characters) if (b.characters.has(character)) return true;
  return false;
}

function tokensOf(glob: string): Token[] {
  const characters = Array.from(glob);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; ) {
    const { set, next } = placeAt(characters, at);
    const flag = characters[next];
    const repeat = flag === "+" ? "plus" : flag === "*" ? "star" : "once";
    tokens.push({ characters: set, isClass: characters[at] === "[", repeat });
    at = repeat === "once" ? next : next + 1;
  }
  return tokens;
}

interface Place {
  readonly set: ReadonlySet<string> | undefined;
  readonly next: number;
}

function placeAt(characters: readonly string[], at: number): Place {
  switch (characters[at]) {
    case ".":
      return { set: undefined, next: at + 1 };
    case "[":
      return classAt(characters, at + 1);
    case "]":
    case "+":
    case "*":
      throw new BuiltinError(`misplaced ${characters[at]} in a glob`);
    default: {
      const { character, next } = characterAt(characters, at);
      return { set: new Set([character]), next };
    }
  }
}

function classAt(characters: readonly string[], start: number): Place {
  const set = new Set<string>();
  let previous: string | undefined;
  for (let at = start; at < characters.length; ) {
    if (characters[at] === "]") return { set, next: at + 1 };
    if (characters[at] === "-") {
      const end = characters[at + 1];
      if (previous === undefined || end === undefined || end === "]" || end === "-") {
        throw new BuiltinError("misplaced - in a glob's class");
      }
      const last = characterAt(characters, at + 1);
      addRange(set, previous, last.character);
      previous = undefined;
      at = last.next;
      continue;
    }
    const { character, next } = characterAt(characters, at);
    set.add(character);
    previous = character;
    at = next;
  }
  throw new BuiltinError("[ without ] in a glob");
}

function addRange(set: Set<string>, first: string, last: string): void {
  const start = first.codePointAt(0) ?? 0;
  const end = last.codePointAt(0) ?? 0;
  if (end < start) throw new BuiltinError("a range is out of order in a glob");
  if (set.size + end - start > CLASS_MAX) throw new BuiltinError("a glob's class is too large");
  for (let point = start; point <= end; point++) set.add(String.fromCodePoint(point));
}

function characterAt(
  characters: readonly string[],
  at: number,
): { readonly character: string; readonly next: number } {
  const escaped = characters[at] === "\\";
  const character = characters[escaped ? at + 1 : at];
  if (character === undefined) throw new BuiltinError("a glob ends in a backslash");
  return { character, next: escaped ? at + 2 : at + 1 };
}
