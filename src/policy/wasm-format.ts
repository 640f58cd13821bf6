/** Section ids of a WASM module that we read or write. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
} as const;

export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

/** A module's bytes do not read as WASM. */
export class WasmFormatError extends Error {
  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.name = "WasmFormatError";
  }
}

/**
 * Reads the binary format from front to back.
 *
 * @see WebAssembly Core Specification 2.0, chapter 5.
 */
export class WasmReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new WasmFormatError("ends too early", this.at);
    this.at += 1;
    return byte;
  }

  /** Unsigned LEB128 of up to 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new WasmFormatError("integer too long", this.at);
  }

  /** Passes over a LEB128 integer of any width and sign. */
  skipLeb(): void {
    for (let count = 0; count < 10; count += 1) {
      if (this.byte() < 0x80) return;
    }
    throw new WasmFormatError("integer too long", this.at);
  }

  take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.bytes.length) throw new WasmFormatError("ends too early", this.at);
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  name(): string {
    return Buffer.from(this.take(this.u32())).toString("utf8");
  }

  /** Limits of a memory or table. */
  limits(): { readonly min: number; readonly max: number | undefined } {
    const flags = this.byte();
    const min = this.u32();
    return { min, max: (flags & 1) === 1 ? this.u32() : undefined };
  }
}

/** @throws WasmFormatError */
export function readSections(module: Uint8Array): readonly Section[] {
  const reader = new WasmReader(module);
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  for (const expected of magic) {
    if (reader.byte() !== expected) throw new WasmFormatError("no WASM 1.0 header", reader.at - 1);
  }
  const sections: Section[] = [];
  while (!reader.isAtEnd) {
    const id = reader.byte();
    sections.push({ id, body: reader.take(reader.u32()) });
  }
  return sections;
}

const KIND_FUNCTION = 0;
const KIND_TABLE = 1;
const KIND_MEMORY = 2;
const KIND_GLOBAL = 3;

/** What a module imports, as far as its host must know it. */
export interface ModuleImports {
  readonly functionCount: number;
  readonly globalCount: number;
  /** 64 KiB pages that it asks of the imported memory; undefined when it imports none. */
  readonly memoryPagesMin: number | undefined;
}

/** @throws WasmFormatError */
export function readImports(sections: readonly Section[]): ModuleImports {
  const section = sections.find(({ id }) => id === SECTION.import);
  let functionCount = 0;
  let globalCount = 0;
  let memoryPagesMin: number | undefined;
  const reader = new WasmReader(section?.body ?? Uint8Array.of(0));
  for (let left = reader.u32(); left > 0; left -= 1) {
    reader.name();
    reader.name();
    const kind = reader.byte();
    if (kind === KIND_FUNCTION) {
      reader.u32();
      functionCount += 1;
    } else if (kind === KIND_TABLE) {
      reader.byte();
      reader.limits();
    } else if (kind === KIND_MEMORY) {
      memoryPagesMin = reader.limits().min;
    } else if (kind === KIND_GLOBAL) {
      reader.take(2);
      globalCount += 1;
    } else {
      throw new WasmFormatError("unknown kind of import", reader.at - 1);
    }
  }
  return { functionCount, globalCount, memoryPagesMin };
}
