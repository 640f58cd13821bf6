import { ExactNumber, numberFromText, numberText, type RegoNumber } from "./rego-number.ts";
import { RegoObject, RegoSet, type Term } from "./term-model.ts";

/** Text that is no term, or one nested too deeply. */
export class TermSyntaxError extends Error {}

/** Arrays, sets and objects within each other; the reader recurses. */
const DEPTH_MAX = 2_000;

/**
 * Reads Rego's term syntax as `opa_value_dump` prints it: JSON, and beside it sets `{1, 2}` and
 * `set()`, and objects with any term as key. What people write passes too: a comma before the
 * close, raw strings, `.5`.
 *
 * @throws TermSyntaxError
 */
export function parseTerm(text: string): Term {
  return new TermReader(text, true).readAll();
}

/**
 * Reads one JSON value with exact numbers. Of equal keys the last holds.
 *
 * @throws TermSyntaxError
 */
export function parseJsonTerm(text: string): Term {
  return new TermReader(text, false).readAll();
}

/** Writes what `opa_value_parse` reads. Unpaired surrogates become U+FFFD. */
export function termText(term: Term): string {
  if (typeof term === "string") return quoteString(term);
  if (term === null || typeof term === "boolean") return String(term);
  if (typeof term === "number" || term instanceof ExactNumber) return numberText(term);
  if (term instanceof RegoSet) {
    return term.size === 0 ? "set()" : `{${term.members.map(termText).join(", ")}}`;
  }
  if (term instanceof RegoObject) {
    return `{${term.entries.map(([key, value]) => `${termText(key)}: ${termText(value)}`).join(", ")}}`;
  }
  return `[${term.map(termText).join(", ")}]`;
}

/** @returns the string as a JSON literal, unpaired surrogates replaced. */
export function quoteString(text: string): string {
  return JSON.stringify(wellFormed(text));
}

/** @returns the text with unpaired surrogates replaced by U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

const JSON_NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Literals of a policy may begin or end with the point. */
const REGO_NUMBER = /(-?)(\d+\.?\d*|\.\d+)((?:[eE][+-]?\d+)?)/y;
const EMPTY_SET = /set\(\s*\)/y;

class TermReader {
  readonly #text: string;
  readonly #rego: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, rego: boolean) {
    this.#text = text;
    this.#rego = rego;
  }

  readAll(): Term {
    const term = this.#read();
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.#unexpected();
    return term;
  }

  #read(): Term {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '"':
        return this.#readString();
      case "`":
        return this.#readRawString();
      case "[":
        return this.#nested(() => this.#readArray());
      case "{":
        return this.#nested(() => this.#readBraces());
      case "n":
        this.#take("null");
        return null;
      case "t":
        this.#take("true");
        return true;
      case "f":
        this.#take("false");
        return false;
      case "s":
        return this.#readEmptySet();
      default:
        return this.#readNumber();
    }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw new TermSyntaxError(`nested over ${DEPTH_MAX} deep`);
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #readArray(): Term {
    const items: Term[] = [];
    if (this.#takeIf("]")) return items;
    do items.push(this.#read());
    while (this.#moreBefore("]"));
    return items;
  }

  #readBraces(): Term {
    if (this.#takeIf("}")) return new RegoObject();
    const first = this.#readKey();
    if (this.#takeIf(":")) return this.#readObject(first);
    if (!this.#rego) throw this.#unexpected();
    const members = [first];
    while (this.#moreBefore("}")) members.push(this.#read());
    return new RegoSet(members);
  }

  #readObject(firstKey: Term): RegoObject {
    const entries: [Term, Term][] = [[firstKey, this.#read()]];
    while (this.#moreBefore("}")) {
      const key = this.#readKey();
      this.#take(":");
      entries.push([key, this.#read()]);
    }
    return new RegoObject(entries);
  }

  #readKey(): Term {
    const key = this.#read();
    if (!this.#rego && typeof key !== "string") throw this.#unexpected();
    return key;
  }

  #readEmptySet(): RegoSet {
    EMPTY_SET.lastIndex = this.#at;
    if (!this.#rego || !EMPTY_SET.test(this.#text)) throw this.#unexpected();
    this.#at = EMPTY_SET.lastIndex;
    return new RegoSet();
  }

  #readString(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (end > 0 && this.#isEscaped(start, end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw this.#unexpected();
    this.#at = end + 1;
    const literal = this.#text.slice(start, end + 1);
    try {
      const value: unknown = JSON.parse(literal);
      return String(value);
    } catch (cause) {
      throw new TermSyntaxError(`bad string at ${start}`, { cause });
    }
  }

  #readRawString(): string {
    const end = this.#text.indexOf("`", this.#at + 1);
    if (!this.#rego || end < 0) throw this.#unexpected();
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  /** @returns whether an odd run of backslashes stands before `end`. */
  #isEscaped(start: number, end: number): boolean {
    let slashes = 0;
    while (end - slashes - 1 > start && this.#text[end - slashes - 1] === "\\") slashes++;
    return slashes % 2 === 1;
  }

  #readNumber(): RegoNumber {
    const form = this.#rego ? REGO_NUMBER : JSON_NUMBER;
    form.lastIndex = this.#at;
    const match = form.exec(this.#text);
    if (match === null) throw this.#unexpected();
    this.#at = form.lastIndex;
    const [text, sign = "", mantissa = "", exponent = ""] = match;
    if (!mantissa.startsWith(".") && !mantissa.endsWith(".")) return numberFromText(text);
    return numberFromText(sign + mantissa.replace(/^\./, "0.").replace(/\.$/, "") + exponent);
  }

  /** Takes a comma or the close. Rego lets a comma stand before the close. */
  #moreBefore(close: string): boolean {
    if (this.#takeIf(close)) return false;
    this.#take(",");
    return !(this.#rego && this.#takeIf(close));
  }

  #take(word: string): void {
    if (!this.#takeIf(word)) throw this.#unexpected();
  }

  #takeIf(word: string): boolean {
    this.#skipSpace();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at++;
    }
  }

  #unexpected(): TermSyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 12);
    return new TermSyntaxError(`unexpected ${JSON.stringify(found)} at ${this.#at}`);
  }
}
