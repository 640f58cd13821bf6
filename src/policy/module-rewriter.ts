import { setImmediate as nextTurn } from "node:timers/promises";
import { growthFunction } from "./memory-growth.ts";
import { type AddedIndices, meteredFunction, type Signature } from "./meter.ts";
import { OP, TYPE_I32 } from "./wasm-code.ts";
import { readImports, readSections, SECTION, WasmFormatError, WasmReader } from "./wasm-format.ts";
import { nameBytes, signed, unsigned, withLength } from "./wasm-writer.ts";

/** The exported global that counts down; an evaluation that trapped on it left it below 0. */
export const STEPS_EXPORT = "stile_steps";

/** The exported global with the 64 KiB pages that memory may grow to. */
export const PAGES_MAX_EXPORT = "stile_pages_max";

/** What the module's own start may take. */
const START_STEPS = 100_000_000;
/** As many as there can be. */
export const PAGES_MAX = 65_536;
/** Code rewritten before others get their turn: about 2 ms. */
const TURN_BYTES = 65_536;

/**
 * Rewrites a policy module so that it counts its steps down and traps when they are used up, and
 * so that its memory grows in few steps.
 *
 * A step is one round of a loop, or one call of a function that calls others. Nothing runs for
 * long without taking steps, and the same input takes as many everywhere. What is added (three
 * globals, a type, a function, exports) comes last, so nothing in the module is renumbered.
 *
 * @throws WasmFormatError when the bytes are no module that can be rewritten.
 */
export function rewriteModule(wasm: Uint8Array): Uint8Array {
  const rewriting = rewrite(wasm);
  for (;;) {
    const { done, value } = rewriting.next();
    if (done === true) return value;
  }
}

/** The same, without holding up others for more than a few milliseconds at a time. */
export async function rewriteModuleInTurns(wasm: Uint8Array): Promise<Uint8Array> {
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
  const imports = readImports(sections);
  const functions = bodyOf(SECTION.function);
  const globals = bodyOf(SECTION.global);
  const steps = imports.globalCount + countOf(globals);
  const sizes = { size: unsigned(steps + 1), limit: unsigned(steps + 2) };
  const growType = unsigned(countOf(bodyOf(SECTION.type)));
  const added: AddedIndices = {
    steps: unsigned(steps),
    grow: unsigned(imports.functionCount + countOf(functions)),
  };
  const signatures = readSignatures(bodyOf(SECTION.type), functions);
  const rewritten = new Map<number, Uint8Array[]>([
    [SECTION.type, appended(bodyOf(SECTION.type), [0x60, 1, TYPE_I32, 1, TYPE_I32])],
    [SECTION.function, appended(functions, growType)],
    [SECTION.global, appended(globals, ...[START_STEPS, 0, PAGES_MAX].map(countingGlobal))],
    [
      SECTION.export,
      appended(
        bodyOf(SECTION.export),
        exportedGlobal(STEPS_EXPORT, added.steps),
        exportedGlobal(PAGES_MAX_EXPORT, sizes.limit),
      ),
    ],
    [SECTION.code, yield* rewrittenCode(bodyOf(SECTION.code), signatures, added, sizes)],
  ]);
  const out = [wasm.subarray(0, 8)];
  for (const { id, body } of sections) {
    out.push(Uint8Array.of(id), ...withLength(rewritten.get(id) ?? [body]));
  }
  return Buffer.concat(out);
}

function countingGlobal(start: number): readonly number[] {
  return [TYPE_I32, 1, OP.i32Const, ...signed(start), OP.end];
}

function exportedGlobal(name: string, index: readonly number[]): readonly number[] {
  return [...nameBytes(name), 3, ...index];
}

function countOf(vector: Uint8Array): number {
  return new WasmReader(vector).u32();
}

/** @returns the vector with more entries at its end. */
function appended(vector: Uint8Array, ...entries: readonly (readonly number[])[]): Uint8Array[] {
  const reader = new WasmReader(vector);
  const count = unsigned(reader.u32() + entries.length);
  return [Uint8Array.from(count), vector.subarray(reader.at), Uint8Array.from(entries.flat())];
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

function* rewrittenCode(
  code: Uint8Array,
  signatures: readonly Signature[],
  added: AddedIndices,
  sizes: Parameters<typeof growthFunction>[0],
): InTurns<Uint8Array[]> {
  const reader = new WasmReader(code);
  const count = reader.u32();
  const out: Uint8Array[] = [Uint8Array.from(unsigned(count + 1))];
  let turnEnd = TURN_BYTES;
  for (let i = 0; i < count; i += 1) {
    const signature = signatures[i];
    if (signature === undefined) throw new WasmFormatError("code without a function", reader.at);
    out.push(...withLength(meteredFunction(reader.take(reader.u32()), signature, added)));
    if (reader.at >= turnEnd) {
      yield;
      turnEnd = reader.at + TURN_BYTES;
    }
  }
  return [...out, ...withLength([growthFunction(sizes)])];
}
