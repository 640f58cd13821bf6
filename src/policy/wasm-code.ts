import { WasmFormatError, type WasmReader } from "./wasm-format.ts";

/** The instructions that metering reads or writes. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtU: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  select: 0x1b,
} as const;

/** The value type i32, and the type of a block without a value. */
export const TYPE_I32 = 0x7f;
export const BLOCK_EMPTY = 0x40;

/** Reads what follows an opcode in the code. */
type Immediates = (reader: WasmReader) => void;

const none: Immediates = () => undefined;
const leb: Immediates = (reader) => reader.skipLeb();
const twoLebs: Immediates = (reader) => {
  reader.skipLeb();
  reader.skipLeb();
};
const labels: Immediates = (reader) => {
  for (let left = reader.u32() + 1; left > 0; left -= 1) reader.skipLeb();
};
const types: Immediates = (reader) => {
  reader.take(reader.u32());
};
const prefixed: Immediates = (reader) => {
  const opcode = reader.u32();
  if (opcode <= 7) return;
  if (opcode > 17) throw new WasmFormatError(`unknown instruction 0xfc ${opcode}`, reader.at - 1);
  reader.skipLeb();
  // memory.init, memory.copy, table.init and table.copy name two things, the others one.
  if (opcode === 8 || opcode === 10 || opcode === 12 || opcode === 14) reader.skipLeb();
};

/**
 * The instructions of WASM 1.0 with sign extension, saturating truncation, bulk memory and
 * reference types: what OPA's compiler emits, and more.
 *
 * @see WebAssembly Core Specification 2.0, section 5.4.
 */
const IMMEDIATES: readonly (Immediates | undefined)[] = table([
  [0x00, 0x01, none],
  // A block's type is one signed integer: a value type, nothing, or the index of a type.
  [0x02, 0x04, leb],
  [0x05, 0x05, none],
  [0x0b, 0x0b, none],
  [0x0c, 0x0d, leb],
  [0x0e, 0x0e, labels],
  [0x0f, 0x0f, none],
  [0x10, 0x10, leb],
  [0x11, 0x11, twoLebs],
  [0x1a, 0x1b, none],
  [0x1c, 0x1c, types],
  [0x20, 0x26, leb],
  [0x28, 0x3e, twoLebs],
  [0x3f, 0x42, leb],
  [0x43, 0x43, (reader) => reader.take(4)],
  [0x44, 0x44, (reader) => reader.take(8)],
  [0x45, 0xc4, none],
  [0xd0, 0xd0, leb],
  [0xd1, 0xd1, none],
  [0xd2, 0xd2, leb],
  [0xfc, 0xfc, prefixed],
]);

/** Passes over the immediates of an instruction whose opcode was just read. */
export function skipImmediates(reader: WasmReader, opcode: number): void {
  const skip = IMMEDIATES[opcode];
  if (skip === undefined) {
    throw new WasmFormatError(`unknown instruction 0x${opcode.toString(16)}`, reader.at - 1);
  }
  skip(reader);
}

function table(ranges: readonly (readonly [number, number, Immediates])[]): Immediates[] {
  const all: Immediates[] = [];
  for (const [from, to, immediates] of ranges) {
    for (let opcode = from; opcode <= to; opcode += 1) all[opcode] = immediates;
  }
  return all;
}
