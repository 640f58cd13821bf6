import { compareNumbers, ExactNumber, numberKey, type RegoNumber } from "./rego-number.ts";

/** A value of Rego. Sets and objects hold each member or key once, compared by value. */
export type Term = null | boolean | string | RegoNumber | readonly Term[] | RegoSet | RegoObject;

/** A set of terms, read in OPA's sort order. */
export class RegoSet {
  readonly #byKey = new Map<string, Term>();
  #sorted: readonly Term[] | undefined;

  constructor(members: Iterable<Term> = []) {
    for (const member of members) {
      const key = termKey(member);
      if (!this.#byKey.has(key)) this.#byKey.set(key, member);
    }
  }

  get size(): number {
    return this.#byKey.size;
  }

  has(member: Term): boolean {
    return this.#byKey.has(termKey(member));
  }

  /** The members in OPA's sort order. */
  get members(): readonly Term[] {
    this.#sorted ??= [...this.#byKey.values()].sort(compareTerms);
    return this.#sorted;
  }
}

/** An object whose keys are any terms, read in OPA's sort order of the keys. */
export class RegoObject {
  readonly #byKey = new Map<string, readonly [Term, Term]>();
  #sorted: readonly (readonly [Term, Term])[] | undefined;

  /** @param entries of two entries with equal keys the later one holds. */
  constructor(entries: Iterable<readonly [Term, Term]> = []) {
    for (const entry of entries) this.#byKey.set(termKey(entry[0]), entry);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: Term): Term | undefined {
    return this.#byKey.get(termKey(key))?.[1];
  }

  has(key: Term): boolean {
    return this.#byKey.has(termKey(key));
  }

  /** The entries in OPA's sort order of their keys. */
  get entries(): readonly (readonly [Term, Term])[] {
    this.#sorted ??= [...this.#byKey.values()].sort((a, b) => compareTerms(a[0], b[0]));
    return this.#sorted;
  }
}

/** The type names as `type_name` gives them. */
export type TermKind = "null" | "boolean" | "number" | "string" | "array" | "object" | "set";

export function termKind(term: Term): TermKind {
  if (term === null) return "null";
  if (typeof term === "boolean") return "boolean";
  if (typeof term === "string") return "string";
  if (isNumber(term)) return "number";
  if (isArray(term)) return "array";
  return term instanceof RegoSet ? "set" : "object";
}

export function isNumber(term: Term): term is RegoNumber {
  return typeof term === "number" || term instanceof ExactNumber;
}

export function isArray(term: Term): term is readonly Term[] {
  return Array.isArray(term);
}

/**
 * OPA's sort order: null, false, true, numbers, strings by code point, arrays, objects, sets.
 *
 * @returns below 0, 0 or above 0; 0 for equal values only.
 */
export function compareTerms(a: Term, b: Term): number {
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (isArray(a) && isArray(b)) return compareLists(a, b);
  if (a instanceof RegoSet && b instanceof RegoSet) return compareLists(a.members, b.members);
  if (a instanceof RegoObject && b instanceof RegoObject) return compareObjects(a, b);
  return rank(a) - rank(b);
}

/** Compares by code point, as UTF-8 bytes compare; UTF-16 units order differently above U+D7FF. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    const leftHigh = left >= 0xd800 && left <= 0xdfff;
    const rightHigh = right >= 0xd800 && right <= 0xdfff;
    if (leftHigh !== rightHigh) return leftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

function compareLists(a: readonly Term[], b: readonly Term[]): number {
  for (const [at, left] of a.entries()) {
    const right = b[at];
    if (right === undefined) return 1;
    const order = compareTerms(left, right);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(a: RegoObject, b: RegoObject): number {
  for (const [at, left] of a.entries.entries()) {
    const right = b.entries[at];
    if (right === undefined) return 1;
    const order = compareTerms(left[0], right[0]) || compareTerms(left[1], right[1]);
    if (order !== 0) return order;
  }
  return a.size - b.size;
}

function rank(term: Term): number {
  if (term === null) return 0;
  if (term === false) return 1;
  if (term === true) return 2;
  if (isNumber(term)) return 3;
  if (typeof term === "string") return 4;
  if (isArray(term)) return 5;
  return term instanceof RegoObject ? 6 : 7;
}

/** @returns a text that equal terms share, and no others. */
function termKey(term: Term): string {
  if (typeof term === "string") return JSON.stringify(term);
  if (term === null || typeof term === "boolean") return String(term);
  if (isNumber(term)) return numberKey(term);
  if (isArray(term)) return `[${term.map(termKey).join(",")}]`;
  if (term instanceof RegoSet) return `<${term.members.map(termKey).join(",")}>`;
  return `{${term.entries.map(([key, value]) => `${termKey(key)}:${termKey(value)}`).join(",")}}`;
}
