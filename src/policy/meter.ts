import { setImmediate as nextTurn } from "node:timers/promises";
import { BLOCK_EMPTY, OP, skipImmediates, TYPE_I32 } from "./wasm-code.ts";
import { readImports, readSections, SECTION, WasmFormatError, WasmReader } from "./wasm-format.ts";
import { nameBytes, signed, unsigned, withLength } from "./wasm-writer.ts";

/** The exported global that counts down; an evaluation that trapped on it left it below 0. */
export const STEPS_EXPORT = "stile_steps";

/** What the module's own start may take. */
const START_STEPS = 100_000_000;
/** Code rewritten before others get their turn: about 2 ms. */
const TURN_BYTES = 65_536;

/**
 * Rewrites a policy module so that it counts its steps down and traps when they are used up.
 *
 * A step is one round of a loop, or one call of a function that calls others. Nothing runs for
 * long without taking steps, and the same input takes as many everywhere. The counter is one more
 * global at the end, exported, so nothing in the module is renumbered.
 *
 * @throws WasmFormatError when the bytes are no module that can be rewritten.
 */
export function meterModule(wasm: Uint8Array): Uint8Array {
  const rewriting = rewrite(wasm);
  for (;;) {
    const { done, value } = rewriting.next();
    if (done === true) return value;
  }
}

/** The same, without holding up others for more than a few milliseconds at a time. */
export async function meterModuleInTurns(wasm: Uint8Array): Promise<Uint8Array> {
  const rewriting = rewrite(wasm);
  for (;;) {
    const { done, value } = rewriting.next();
    if (done === true) return value;
    await nextTurn();
  }
}

/** Stops now and then to let others have their turn. */
type InTurns<Result> = Generator<undefined, Result, undefined>;

function* rewrite(wasm: Uint8Array): InTurns<Uint8Array> {
  const sections = readSections(wasm);
  const bodyOf = (id: number): Uint8Array => {
    const found = sections.find((section) => section.id === id);
    if (found === undefined) throw new WasmFormatError(`no section ${id}`, wasm.length);
    return found.body;
  };
  const globals = bodyOf(SECTION.global);
  const steps = readImports(sections).globalCount + new WasmReader(globals).u32();
  const global = [TYPE_I32, 1, OP.i32Const, ...signed(START_STEPS), OP.end];
  const exported = [...nameBytes(STEPS_EXPORT), 3, ...unsigned(steps)];
  const signatures = readSignatures(bodyOf(SECTION.type), bodyOf(SECTION.function));
  const rewritten = new Map([
    [SECTION.global as number, appended(globals, global)],
    [SECTION.export, appended(bodyOf(SECTION.export), exported)],
    [SECTION.code, yield* meteredCode(bodyOf(SECTION.code), signatures, unsigned(steps))],
  ]);
  const out = [wasm.subarray(0, 8)];
  for (const { id, body } of sections) {
    out.push(Uint8Array.of(id), ...withLength(rewritten.get(id) ?? [body]));
  }
  return Buffer.concat(out);
}

interface Signature {
  readonly paramCount: number;
  /** Value types. */
  readonly results: Uint8Array;
}

/** @returns the signature of each function that the module defines. */
function readSignatures(types: Uint8Array, functions: Uint8Array): readonly Signature[] {
  const reader = new WasmReader(types);
  const known = readVector(reader, (): Signature => {
    if (reader.byte() !== 0x60) throw new WasmFormatError("no function type", reader.at - 1);
    return { paramCount: reader.take(reader.u32()).length, results: reader.take(reader.u32()) };
  });
  const indices = new WasmReader(functions);
  return readVector(indices, () => {
    const signature = known[indices.u32()];
    if (signature === undefined) throw new WasmFormatError("unknown type", indices.at);
    return signature;
  });
}

function readVector<Entry>(reader: WasmReader, readEntry: () => Entry): Entry[] {
  const entries: Entry[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) entries.push(readEntry());
  return entries;
}

/** @returns the vector with one more entry at its end. */
function appended(vector: Uint8Array, entry: readonly number[]): Uint8Array[] {
  const reader = new WasmReader(vector);
  const count = unsigned(reader.u32() + 1);
  return [Uint8Array.from(count), vector.subarray(reader.at), Uint8Array.from(entry)];
}

function* meteredCode(
  code: Uint8Array,
  signatures: readonly Signature[],
  steps: readonly number[],
): InTurns<Uint8Array[]> {
  const reader = new WasmReader(code);
  const count = reader.u32();
  const out: Uint8Array[] = [Uint8Array.from(unsigned(count))];
  let turnEnd = TURN_BYTES;
  for (let i = 0; i < count; i += 1) {
    const signature = signatures[i];
    if (signature === undefined) throw new WasmFormatError("code without a function", reader.at);
    out.push(...withLength(meteredFunction(reader.take(reader.u32()), signature, steps)));
    if (reader.at >= turnEnd) {
      yield;
      turnEnd = reader.at + TURN_BYTES;
    }
  }
  return out;
}

function meteredFunction(
  body: Uint8Array,
  { paramCount, results }: Signature,
  steps: readonly number[],
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
  if (found.loops.length === 0 && !found.hasCalls) return [body];
  const locals = [
    Uint8Array.from(unsigned(groupCount + 1)),
    body.subarray(groupsAt, codeAt),
    Uint8Array.of(1, TYPE_I32),
  ];
  const code = { body, codeAt, ...found };
  const names = { steps, left: unsigned(localCount) };
  return found.hasCalls || results.length > 1
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
  readonly hasCalls: boolean;
}

/** Indices of the counter and of a local for it, as LEB128. */
interface CounterNames {
  readonly steps: readonly number[];
  readonly left: readonly number[];
}

/** One step: `left = steps - 1; steps = left; if (left < 0) trap`. */
function countedInGlobal(code: FunctionCode, { steps, left }: CounterNames): Uint8Array[] {
  const step = instructions(
    [OP.globalGet, ...steps, OP.i32Const, 1, OP.i32Sub, OP.localTee, ...left],
    [OP.globalSet, ...steps, OP.localGet, ...left, OP.i32Const, 0, OP.i32LtS],
    [OP.if, BLOCK_EMPTY, OP.unreachable, OP.end],
  );
  const edits = code.loops.map((at): Edit => ({ at, skip: 0, insert: step }));
  return [step, ...edited(code, edits)];
}

/**
 * A function that calls none can keep the counter in a local while it runs, which makes its loops,
 * the hottest there are, a third cheaper to count. All its ways out lead through the end of a
 * block around it, where the counter goes back.
 */
function countedInLocal(
  code: FunctionCode,
  { steps, left }: CounterNames,
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
  ].sort((a, b) => a.at - b.at);
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
  for (const { at, skip, insert } of edits) {
    out.push(body.subarray(from, at), insert);
    from = at + skip;
  }
  return [...out, body.subarray(from)];
}

function findInstructions(
  reader: WasmReader,
): Pick<FunctionCode, "loops" | "returns" | "hasCalls"> {
  const loops: number[] = [];
  const returns: { at: number; depth: number }[] = [];
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
    if (opcode === OP.call || opcode === OP.callIndirect) hasCalls = true;
  }
  return { loops, returns, hasCalls };
}
