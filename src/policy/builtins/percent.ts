import { BuiltinError } from "./builtin.ts";
import { bytesOfText, textOfBytes } from "./utf8.ts";

/**
 * Reads percent escapes as Go's `net/url` does.
 *
 * @param allows tells of an escaped byte whether it may be escaped here; all may by default.
 * @throws BuiltinError for a bad escape.
 */
export function percentDecoded(
  text: string,
  allows: (byte: number) => boolean = () => true,
): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  const source = bytesOfText(text).toString("latin1");
  for (let at = 0; at < source.length; at++) {
    const byte = source.charCodeAt(at);
    if (byte !== 0x25) {
      bytes.push(byte);
      continue;
    }
    const digits = source.slice(at + 1, at + 3);
    const value = /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
    if (value < 0 || !allows(value)) throw new BuiltinError(`invalid URL escape %${digits}`);
    bytes.push(value);
    at += 2;
  }
  return textOfBytes(Uint8Array.from(bytes));
}

/** @returns the text with every byte that `keeps` does not match as `%XX`. */
export function percentEncoded(text: string, keeps: RegExp): string {
  return Array.from(bytesOfText(text), (byte) => {
    const character = String.fromCharCode(byte);
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    return byte < 0x80 && keeps.test(character) ? character : `%${hex}`;
  }).join("");
}
