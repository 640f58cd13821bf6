import { asError, StileError } from "../core/errors.ts";
import { rewriteModule, rewriteModuleInTurns } from "./module-rewriter.ts";
import { readImports, readSections } from "./wasm-format.ts";

/** A metered policy compiled to machine code, of which instances are made. */
export interface CompiledPolicy {
  readonly module: WebAssembly.Module;
  /** 64 KiB pages that the module asks for. */
  readonly memoryPagesMin: number;
}

/**
 * Compiles the module of a bundle, off the event loop as far as it takes long.
 *
 * @throws StileError `bundle_invalid` with the engine's reason.
 */
export async function compilePolicy(wasm: Uint8Array): Promise<CompiledPolicy> {
  try {
    const metered = await rewriteModuleInTurns(wasm);
    return compiledFrom(wasm, await WebAssembly.compile(new Uint8Array(metered)));
  } catch (thrown) {
    throw invalid(wasm, thrown);
  }
}

/**
 * The same on the event loop, some 20 ms.
 *
 * @throws StileError `bundle_invalid` with the engine's reason.
 */
export function compilePolicySync(wasm: Uint8Array): CompiledPolicy {
  try {
    return compiledFrom(wasm, new WebAssembly.Module(new Uint8Array(rewriteModule(wasm))));
  } catch (thrown) {
    throw invalid(wasm, thrown);
  }
}

function compiledFrom(wasm: Uint8Array, module: WebAssembly.Module): CompiledPolicy {
  const { memoryPagesMin } = readImports(readSections(wasm));
  if (memoryPagesMin === undefined) throw new TypeError("it imports no memory from its host");
  return { module, memoryPagesMin };
}

function invalid(wasm: Uint8Array, thrown: unknown): StileError {
  const cause = engineReason(wasm) ?? asError(thrown);
  return new StileError("bundle_invalid", "policy.wasm is no valid WASM policy", { cause });
}

/** @returns what the engine has against the module as it came, which says most to its author. */
function engineReason(wasm: Uint8Array): Error | undefined {
  try {
    const module = new WebAssembly.Module(new Uint8Array(wasm));
    return module instanceof WebAssembly.Module ? undefined : new TypeError("no module");
  } catch (thrown) {
    return asError(thrown);
  }
}
