import { BLOCK_EMPTY, OP, skipImmediates, TYPE_I32 } from "./wasm-code.ts";
import { WasmReader } from "./wasm-format.ts";
import { unsigned } from "./wasm-writer.ts";

export interface Signature {
  readonly paramCount: number;
  /** Value types. */
  readonly results: Uint8Array;
}

/** Indices of what a rewritten module has more than before, as LEB128. */
export interface AddedIndices {
  /** The global that counts steps down. */
  readonly steps: readonly number[];
  /** The function that stands for the instruction `memory.grow`. */
  readonly grow: readonly number[];
}

/**
 * Rewrites the body of a function so that it takes steps: one for each round of a loop, and one
 * for its call if it calls others. Below 0 it traps.
 *
 * @param body locals and instructions.
 * @returns the new body in parts.
 */
export function meteredFunction(
  body: Uint8Array,
  { paramCount, results }: Signature,
  added: AddedIndices,
): Uint8Array[] {
  const reader = new WasmReader(body);
  const groupCount = reader.u32();
  const groupsAt = reader.at;
  let localCount = paramCount;
  for (let left = groupCount; left > 0; left -= 1) {
    localCount += reader.u32();
    reader.byte();
  }
  const codeAt = reader.at;
  const found = findInstructions(reader);
  if (found.loops.length === 0 && !found.hasCalls && found.grows.length === 0) return [body];
  const locals = [
    Uint8Array.from(unsigned(groupCount + 1)),
    body.subarray(groupsAt, codeAt),
    Uint8Array.of(1, TYPE_I32),
  ];
  const code = { body, codeAt, ...found };
  const names = { ...added, left: unsigned(localCount) };
  return found.hasCalls || found.grows.length > 0 || results.length > 1
    ? [...locals, ...countedInGlobal(code, names)]
    : [...locals, ...countedInLocal(code, names, results[0] ?? BLOCK_EMPTY)];
}

interface FunctionCode {
  readonly body: Uint8Array;
  /** Where the instructions begin. */
  readonly codeAt: number;
  /** Where the body of each loop begins. */
  readonly loops: readonly number[];
  readonly returns: readonly { readonly at: number; readonly depth: number }[];
  readonly grows: readonly { readonly at: number; readonly end: number }[];
  readonly hasCalls: boolean;
}

/** Also a local that the counter passes through. */
interface Names extends AddedIndices {
  readonly left: readonly number[];
}

/** One step: `left = steps - 1; steps = left; if (left < 0) trap`. */
function countedInGlobal(code: FunctionCode, { steps, left, grow }: Names): Uint8Array[] {
  const step = instructions(
    [OP.globalGet, ...steps, OP.i32Const, 1, OP.i32Sub, OP.localTee, ...left],
    [OP.globalSet, ...steps, OP.localGet, ...left, OP.i32Const, 0, OP.i32LtS],
    [OP.if, BLOCK_EMPTY, OP.unreachable, OP.end],
  );
  const call = Uint8Array.of(OP.call, ...grow);
  const edits = [
    ...code.loops.map((at): Edit => ({ at, skip: 0, insert: step })),
    ...code.grows.map(({ at, end }): Edit => ({ at, skip: end - at, insert: call })),
  ];
  return [step, ...edited(code, edits)];
}

/**
 * A function that calls none can keep the counter in a local while it runs, which makes its loops,
 * the hottest there are, a third cheaper to count. All its ways out lead through the end of a
 * block around it, where the counter goes back.
 */
function countedInLocal(
  code: FunctionCode,
  { steps, left }: Names,
  blockType: number,
): Uint8Array[] {
  const giveBack = [OP.localGet, ...left, OP.globalSet, ...steps];
  const step = instructions(
    [OP.localGet, ...left, OP.i32Const, 1, OP.i32Sub, OP.localTee, ...left],
    [OP.i32Const, 0, OP.i32LtS, OP.if, BLOCK_EMPTY, ...giveBack, OP.unreachable, OP.end],
  );
  const edits = [
    ...code.loops.map((at): Edit => ({ at, skip: 0, insert: step })),
    ...code.returns.map(
      ({ at, depth }): Edit => ({
        at,
        skip: 1,
        insert: Uint8Array.of(OP.br, ...unsigned(depth)),
      }),
    ),
  ];
  return [
    Uint8Array.of(OP.globalGet, ...steps, OP.localSet, ...left, OP.block, blockType),
    ...edited(code, edits),
    Uint8Array.of(...giveBack, OP.end),
  ];
}

function instructions(...parts: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flat());
}

interface Edit {
  readonly at: number;
  /** Bytes left out. */
  readonly skip: number;
  readonly insert: Uint8Array;
}

function edited({ body, codeAt }: FunctionCode, edits: readonly Edit[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  let from = codeAt;
  for (const { at, skip, insert } of [...edits].sort((a, b) => a.at - b.at)) {
    out.push(body.subarray(from, at), insert);
    from = at + skip;
  }
  return [...out, body.subarray(from)];
}

function findInstructions(reader: WasmReader): Omit<FunctionCode, "body" | "codeAt"> {
  const loops: number[] = [];
  const returns: { at: number; depth: number }[] = [];
  const grows: { at: number; end: number }[] = [];
  let hasCalls = false;
  let depth = 0;
  while (!reader.isAtEnd) {
    const at = reader.at;
    const opcode = reader.byte();
    skipImmediates(reader, opcode);
    if (opcode === OP.block || opcode === OP.loop || opcode === OP.if) depth += 1;
    if (opcode === OP.end) depth -= 1;
    if (opcode === OP.loop) loops.push(reader.at);
    if (opcode === OP.return) returns.push({ at, depth });
    if (opcode === OP.memoryGrow) grows.push({ at, end: reader.at });
    if (opcode === OP.call || opcode === OP.callIndirect) hasCalls = true;
  }
  return { loops, returns, grows, hasCalls };
}
