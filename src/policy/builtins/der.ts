import { BuiltinError } from "./builtin.ts";

/** One element of ASN.1 in DER (X.690). */
export interface Der {
  /** The identifier byte: class, constructed bit and tag number. */
  readonly tag: number;
  readonly content: Buffer;
  /** With its identifier and length. */
  readonly raw: Buffer;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** @returns the tag of a context-specific element, constructed or not. */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

/** @throws BuiltinError when the bytes are not well-formed elements one after another. */
export function derElements(bytes: Buffer): readonly Der[] {
  const elements: Der[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at);
    elements.push(element);
    at += element.raw.length;
  }
  return elements;
}

export function childrenOf(element: Der | undefined, tag: number): readonly Der[] {
  return derElements(expectTag(element, tag).content);
}

/** @throws BuiltinError when the element is missing or of another kind. */
export function expectTag(element: Der | undefined, tag: number): Der {
  if (element === undefined || element.tag !== tag) throw malformed();
  return element;
}

function elementAt(bytes: Buffer, at: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 4 || start > bytes.length) throw malformed();
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  if (lengthBytes > 0 && length < 0x80) throw malformed();
  if (start + length > bytes.length) throw malformed();
  return {
    tag,
    content: bytes.subarray(start, start + length),
    raw: bytes.subarray(at, start + length),
  };
}

export function derInteger(element: Der | undefined): bigint {
  const { content } = expectTag(element, tags.integer);
  if (content.length === 0) throw malformed();
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString("hex")}`));
}

export function derBoolean(element: Der | undefined): boolean {
  const { content } = expectTag(element, tags.boolean);
  if (content.length !== 1) throw malformed();
  return content[0] !== 0;
}

/** @returns the numbers of an object identifier. */
export function derOid(element: Der | undefined): readonly number[] {
  return oidOf(expectTag(element, tags.oid).content);
}

export function oidOf(content: Buffer): readonly number[] {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(value)) throw malformed();
    if (byte >= 0x80) continue;
    if (numbers.length === 0) numbers.push(Math.min(Math.floor(value / 40), 2));
    numbers.push(numbers.length === 1 ? value - (numbers[0] ?? 0) * 40 : value);
    value = 0;
  }
  if (numbers.length === 0) throw malformed();
  return numbers;
}

/** @returns the bytes of a bit string that fills them up, as signatures and keys do. */
export function derBits(element: Der | undefined): Buffer {
  const { content } = expectTag(element, tags.bitString);
  if (content.length === 0) throw malformed();
  return content.subarray(1);
}

/** @returns undefined for an element that is no character string. */
export function derText(element: Der): string | undefined {
  switch (element.tag) {
    case tags.utf8String:
      return element.content.toString("utf8");
    case tags.numericString:
    case tags.printableString:
    case tags.ia5String:
    case tags.teletexString:
      return element.content.toString("latin1");
    case tags.bmpString:
      return Buffer.from(element.content).swap16().toString("utf16le");
    default:
      return undefined;
  }
}

/** @returns the instant in RFC 3339, to the second. */
export function derTime(element: Der | undefined): string {
  if (element === undefined) throw malformed();
  const text = element.content.toString("latin1");
  const short = element.tag === tags.utcTime;
  const match = /^([0-9]{2}|[0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z$/.exec(
    text,
  );
  const year = match?.[1] ?? "";
  if (match === null || year.length !== (short ? 2 : 4)) throw malformed();
  const century = short ? (Number(year) >= 50 ? "19" : "20") : "";
  const [, , month, day, hour, minute, second] = match;
  return `${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

export function malformed(): BuiltinError {
  return new BuiltinError("malformed DER");
}
