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
    const module = await WebAssembly.compile(new Uint8Array(wasm));
    const { memoryPagesMin } = readImports(readSections(wasm));
    if (memoryPagesMin === undefined) throw new TypeError("it imports no memory from its host");
    return { module, memoryPagesMin };
  } catch (thrown) {
    const cause = asError(thrown);
    throw new StileError("bundle_invalid", "policy.wasm is no valid WASM policy", { cause });
  }
}
