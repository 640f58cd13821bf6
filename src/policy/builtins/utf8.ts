const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns the UTF-8 bytes; an unpaired surrogate counts as U+FFFD. */
export function bytesOfText(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

/** @returns the text; each byte that is no UTF-8 becomes a U+FFFD of its own, as in Go. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return textOfBrokenBytes(bytes);
  }
}

/** @returns whether the bytes are well-formed UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function textOfBrokenBytes(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] ?? 0);
    const sequence = bytes.subarray(at, at + length);
    const whole = sequence.length === length && isUtf8(sequence);
    parts.push(whole ? strictDecoder.decode(sequence) : "\ufffd");
    at += whole ? length : 1;
  }
  return parts.join("");
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}
