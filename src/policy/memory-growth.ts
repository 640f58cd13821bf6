import { BLOCK_EMPTY, OP, TYPE_I32 } from "./wasm-code.ts";
import { signed } from "./wasm-writer.ts";

/** Pages by which memory grows at least: 16 MiB. */
const STEP_PAGES = 256;

/**
 * Writes a function that stands for the instruction `memory.grow`, `(pages) -> pages before`.
 *
 * OPA's allocator grows memory by single pages, and asks for its size by growing it by none. Each
 * time the engine makes a new ArrayBuffer of the whole, which to its garbage collector is as much
 * new garbage: parsing 45 MB of data took 22 s that way. So memory really grows by 16 MiB, and the
 * allocator is told of what it asked for.
 *
 * @param size index of a global, as LEB128, for the pages that the allocator knows of.
 * @param limit index of a global, as LEB128, with the pages that it may have.
 * @returns locals and instructions.
 */
export function growthFunction({
  size,
  limit,
}: {
  readonly size: readonly number[];
  readonly limit: readonly number[];
}): Uint8Array {
  const [asked, before, after, missing] = [0, 1, 2, 3];
  return Uint8Array.from(
    [
      // Three locals besides the parameter.
      [1, 3, TYPE_I32],
      // Asked for none: it wants to know, or begins.
      [OP.localGet, asked, OP.i32Eqz, OP.if, BLOCK_EMPTY],
      [OP.memorySize, 0, OP.globalSet, ...size, OP.end],
      // after = (before = size) + asked
      [OP.globalGet, ...size, OP.localTee, before],
      [OP.localGet, asked, OP.i32Add, OP.localTee, after, OP.globalGet, ...limit, OP.i32GtU],
      [OP.if, BLOCK_EMPTY, OP.i32Const, ...signed(-1), OP.return, OP.end],
      // missing = after - memory.size, if that is more than there is
      [OP.localGet, after, OP.memorySize, 0, OP.i32GtU, OP.if, BLOCK_EMPTY],
      [OP.localGet, after, OP.memorySize, 0, OP.i32Sub, OP.localSet, missing],
      // By a whole step, or else by what is missing, or else not.
      [OP.i32Const, ...signed(STEP_PAGES), OP.localGet, missing],
      [OP.i32Const, ...signed(STEP_PAGES), OP.localGet, missing, OP.i32GtU, OP.select],
      [OP.memoryGrow, 0, OP.i32Const, ...signed(-1), OP.i32Eq, OP.if, BLOCK_EMPTY],
      [OP.localGet, missing, OP.memoryGrow, 0, OP.i32Const, ...signed(-1), OP.i32Eq],
      [OP.if, BLOCK_EMPTY, OP.i32Const, ...signed(-1), OP.return, OP.end, OP.end],
      [OP.end],
      [OP.localGet, after, OP.globalSet, ...size, OP.localGet, before, OP.end],
    ].flat(),
  );
}
