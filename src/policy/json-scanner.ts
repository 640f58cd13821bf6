import { isUtf8 } from "node:buffer";

/** Containers within containers; the engine's own reader recurses and would run out of stack. */
export const JSON_DEPTH_MAX = 1_000;

/** What JSON text holds that JSON (RFC 8259) does not allow. */
export class JsonTextError extends Error {
  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.name = "JsonTextError";
  }
}

export interface JsonMember {
  /** Keys from the outermost object down. */
  readonly path: readonly string[];
  /** Where its value begins and ends in the text, in bytes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Checks that the bytes are one JSON text, without making values of it, so that numbers keep
 * their digits and 50 MB cost no heap.
 *
 * @param memberDepth how deep members are reported: 1 for those of the outermost object, 2 for
 *   those of objects in it too.
 * @param onMember called as a member ends, inner ones first.
 * @throws JsonTextError
 */
export function scanJson(
  bytes: Uint8Array,
  memberDepth = 0,
  onMember: (member: JsonMember) => void = () => undefined,
): void {
  if (!isUtf8(bytes)) throw new JsonTextError("no valid UTF-8", 0);
  new Scanner(bytes, memberDepth, onMember).run();
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #memberDepth: number;
  readonly #onMember: (member: JsonMember) => void;
  readonly #isObject = new Uint8Array(JSON_DEPTH_MAX);
  /** One entry for each enclosing object that is reported, while only objects enclose. */
  readonly #members: { key: string; start: number }[] = [];
  #depth = 0;
  #at = 0;

  constructor(bytes: Uint8Array, memberDepth: number, onMember: (member: JsonMember) => void) {
    this.#bytes = bytes;
    this.#memberDepth = memberDepth;
    this.#onMember = onMember;
  }

  run(): void {
    for (;;) {
      this.#space();
      if (this.#beginValue()) continue;
      if (this.#endValues()) break;
    }
    this.#space();
    if (this.#at < this.#bytes.length) throw this.#error("something follows the value");
  }

  /** @returns whether another value comes next, inside the container that just began. */
  #beginValue(): boolean {
    const byte = this.#bytes[this.#at];
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (this.#depth === JSON_DEPTH_MAX) throw this.#error(`more than ${JSON_DEPTH_MAX} levels`);
      const isObject = byte === OPEN_OBJECT;
      this.#at += 1;
      this.#space();
      if (this.#bytes[this.#at] === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        this.#at += 1;
        return false;
      }
      this.#isObject[this.#depth] = isObject ? 1 : 0;
      this.#depth += 1;
      if (isObject) this.#key();
      return true;
    }
    if (byte === QUOTE) this.#string();
    else this.#scalar();
    return false;
  }

  /** Closes what ends here. @returns whether the outermost value has ended. */
  #endValues(): boolean {
    while (this.#depth > 0) {
      const isObject = this.#isObject[this.#depth - 1] === 1;
      if (isObject) this.#endMember();
      this.#space();
      const byte = this.#bytes[this.#at];
      if (byte === COMMA) {
        this.#at += 1;
        this.#space();
        if (isObject) this.#key();
        return false;
      }
      if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        throw this.#error(isObject ? "expected , or }" : "expected , or ]");
      }
      this.#at += 1;
      this.#depth -= 1;
    }
    return true;
  }

  #key(): void {
    const start = this.#at;
    if (this.#bytes[start] !== QUOTE) throw this.#error("expected a key in quotes");
    this.#string();
    const end = this.#at;
    this.#space();
    if (this.#bytes[this.#at] !== COLON) throw this.#error("expected :");
    this.#at += 1;
    if (this.#depth > this.#memberDepth || this.#members.length !== this.#depth - 1) return;
    this.#space();
    this.#members.push({ key: stringFrom(this.#bytes, start, end), start: this.#at });
  }

  #endMember(): void {
    const member = this.#members[this.#depth - 1];
    if (member === undefined) return;
    const path = this.#members.map(({ key }) => key);
    this.#members.pop();
    this.#onMember({ path, start: member.start, end: this.#at });
  }

  #string(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) break;
      if (byte === undefined) throw this.#error("string without an end");
      if (byte < 0x20) throw new JsonTextError("control character in a string", at);
      if (byte === BACKSLASH) {
        const escape = bytes[at + 1] ?? 0;
        if (escape === 0x75) {
          for (let digit = at + 2; digit < at + 6; digit += 1) {
            if (!isHex(bytes[digit] ?? 0)) throw new JsonTextError("escape unknown", at);
          }
          at += 6;
        } else {
          if (!ESCAPES.has(escape)) throw new JsonTextError("escape unknown", at);
          at += 2;
        }
      } else {
        at += 1;
      }
    }
    this.#at = at + 1;
  }

  #scalar(): void {
    for (const word of WORDS) {
      if (this.#bytes[this.#at] === word[0] && startsWith(this.#bytes, this.#at, word)) {
        this.#at += word.length;
        return;
      }
    }
    this.#number();
  }

  #number(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    if (bytes[at] === 0x2d) at += 1;
    const whole = at;
    at = digitsEnd(bytes, at);
    if (at === whole)
      throw this.#error(start < bytes.length ? "expected a value" : "ends too early");
    if (bytes[whole] === 0x30 && at > whole + 1) throw this.#error("number with a leading zero");
    if (bytes[at] === 0x2e) {
      const fraction = at + 1;
      at = digitsEnd(bytes, fraction);
      if (at === fraction) throw this.#error("number without digits after the point");
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at += 1;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at += 1;
      const exponent = at;
      at = digitsEnd(bytes, exponent);
      if (at === exponent) throw this.#error("number without digits in its exponent");
    }
    this.#at = at;
  }

  #space(): void {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  #error(what: string): JsonTextError {
    return new JsonTextError(what, this.#at);
  }
}

const ESCAPES = new Set(Array.from('"\\/bfnrt', (char) => char.charCodeAt(0)));
const WORDS = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));

/** @returns the string that the JSON string literal from `start` to `end` stands for. */
function stringFrom(bytes: Uint8Array, start: number, end: number): string {
  const literal = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const value: unknown = JSON.parse(literal.toString("utf8"));
  return String(value);
}

function startsWith(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  return word.every((byte, i) => bytes[at + i] === byte);
}

function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39) at += 1;
  return at;
}

function isHex(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x46) ||
    (byte >= 0x61 && byte <= 0x66)
  );
}
