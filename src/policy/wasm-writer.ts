/** @returns the value as unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (;;) {
    const low = left & 0x7f;
    left >>>= 7;
    if (left === 0) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** @returns the 32-bit value as signed LEB128. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (;;) {
    const low = left & 0x7f;
    const isNegative = (low & 0x40) !== 0;
    left >>= 7;
    if (left === (isNegative ? -1 : 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** @returns a name as the binary format has it: its length, its UTF-8. */
export function nameBytes(name: string): number[] {
  const bytes = Buffer.from(name);
  return [...unsigned(bytes.length), ...bytes];
}

/** @returns the parts with their length in bytes before them. */
export function withLength(parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((total, part) => total + part.length, 0);
  return [Uint8Array.from(unsigned(length)), ...parts];
}
