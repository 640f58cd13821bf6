const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Cuts the text of a JSON object into the texts of its members, so that numbers keep their digits
 * and strings their spelling. It looks for where members end, and does not check what they hold:
 * of text that is no JSON, the members are no JSON either.
 *
 * @returns member name → text of its value, the last one of a name; undefined where the text is
 *   no object.
 */
export function jsonMembers(text: string): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>();
  let at = afterSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_OBJECT) return undefined;
  at = afterSpace(text, at + 1);
  if (text.charCodeAt(at) === CLOSE_OBJECT) return isEnd(text, at + 1) ? members : undefined;
  for (;;) {
    const keyEnd = stringEnd(text, at);
    if (keyEnd === -1) return undefined;
    const key = keyOf(text.slice(at, keyEnd));
    at = afterSpace(text, keyEnd);
    if (key === undefined || text.charCodeAt(at) !== COLON) return undefined;
    const start = afterSpace(text, at + 1);
    const end = valueEnd(text, start);
    if (end === -1 || end === start) return undefined;
    members.set(key, text.slice(start, end).trimEnd());
    at = afterSpace(text, end);
    const mark = text.charCodeAt(at);
    if (mark === CLOSE_OBJECT) return isEnd(text, at + 1) ? members : undefined;
    if (mark !== COMMA) return undefined;
    at = afterSpace(text, at + 1);
  }
}

/**
 * Cuts the text of a JSON array into the texts of its elements, in the same way.
 *
 * @returns undefined where the text is no array.
 */
export function jsonElements(text: string): readonly string[] | undefined {
  const elements: string[] = [];
  let at = afterSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_ARRAY) return undefined;
  at = afterSpace(text, at + 1);
  if (text.charCodeAt(at) === CLOSE_ARRAY) return isEnd(text, at + 1) ? elements : undefined;
  for (;;) {
    const end = valueEnd(text, at);
    if (end === -1 || end === at) return undefined;
    elements.push(text.slice(at, end).trimEnd());
    at = afterSpace(text, end);
    const mark = text.charCodeAt(at);
    if (mark === CLOSE_ARRAY) return isEnd(text, at + 1) ? elements : undefined;
    if (mark !== COMMA) return undefined;
    at = afterSpace(text, at + 1);
  }
}

function keyOf(literal: string): string | undefined {
  if (!literal.includes("\\")) return literal.slice(1, -1);
  try {
    return String(JSON.parse(literal));
  } catch {
    return undefined;
  }
}

/** @returns where the value that begins here ends, or -1. */
function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return stringEnd(text, start);
  const isContainer = first === OPEN_OBJECT || first === OPEN_ARRAY;
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at) - 1;
      if (at < 0) return -1;
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      depth += 1;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0 && isContainer) return at + 1;
    } else if (code === COMMA && depth === 0) {
      return at;
    }
  }
  return -1;
}

/** @returns where the string that begins here ends, behind its quote, or -1. */
function stringEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return -1;
  for (let quote = text.indexOf('"', start + 1); quote !== -1; ) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
  return -1;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at += 1;
  }
}

function isEnd(text: string, from: number): boolean {
  return afterSpace(text, from) === text.length;
}
