import { asError, StileError } from "../core/errors.ts";
import { readImports, readSections } from "./wasm-format.ts";

/** A policy compiled to machine code, of which instances are made. */
export interface CompiledPolicy {
  readonly module: WebAssembly.Module;
  /** 64 KiB pages that the module asks for. */
  readonly memoryPagesMin: number;
}

/**
 * Compiles the module of a bundle, off the event loop.
 *
 * @throws StileError `bundle_invalid` with the engine's reason.
 */
export async function compilePolicy(wasm: Uint8Array): Promise<CompiledPolicy> {
  try {
    return compiledFrom(wasm, await WebAssembly.compile(new Uint8Array(wasm)));
  } catch (thrown) {
    throw invalid(thrown);
  }
}

/**
 * The same, on the event loop: some 20 ms.
 *
 * @throws StileError `bundle_invalid` with the engine's reason.
 */
export function compilePolicySync(wasm: Uint8Array): CompiledPolicy {
  try {
    return compiledFrom(wasm, new WebAssembly.Module(new Uint8Array(wasm)));
  } catch (thrown) {
    throw invalid(thrown);
  }
}

function compiledFrom(wasm: Uint8Array, module: WebAssembly.Module): CompiledPolicy {
  const { memoryPagesMin } = readImports(readSections(wasm));
  if (memoryPagesMin === undefined) throw new TypeError("it imports no memory from its host");
  return { module, memoryPagesMin };
}

function invalid(thrown: unknown): StileError {
  const cause = asError(thrown);
  return new StileError("bundle_invalid", "policy.wasm is no valid WASM policy", { cause });
}
