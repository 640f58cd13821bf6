import { asError, StileError } from "../core/errors.ts";
import type { PolicyFault } from "../core/policy.ts";
import type { BuiltinEnv } from "./builtins/builtin.ts";
import { HostBuiltins, PolicyAbort } from "./host-builtins.ts";
import { loadData } from "./opa-loader.ts";
import { type PolicyExports, readAbiVersion, readExports } from "./policy-exports.ts";
import type { CompiledPolicy } from "./wasm-module.ts";

const PAGE_BYTES = 65_536;
const PAGES_MAX = 65_536;
/** Parsed data takes about 16 times the bytes of its text; growing later is slow. */
const DATA_BYTES_PER_TEXT_BYTE = 16;
const WORKING_BYTES = 1024 * 1024;
/** Memory that evaluations made grow by more than this is given back. */
const GROWN_BYTES_KEPT = 32 * 1024 * 1024;

export interface HostLimits {
  /** What one evaluation may use of memory, beyond what the data takes. */
  readonly memoryBytesMax: number;
}

export const DEFAULT_LIMITS: HostLimits = { memoryBytesMax: 256 * 1024 * 1024 };

export type HostResult =
  | {
      readonly kind: "result";
      /**
       * The result set as Rego term text, such as `{{"result": [1, 2]}}`, `set()` for undefined.
       * Unlike its JSON it says which of its parts are sets, which JSON has in OPA's order.
       */
      readonly text: string;
      readonly cost: number;
    }
  | {
      readonly kind: "fault";
      readonly fault: PolicyFault;
      readonly cause: Error;
      readonly cost: number;
    };

/** The input document: JSON text, or Rego term text where it is no JSON; undefined for none. */
export type HostInput =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "term"; readonly text: string }
  | undefined;

/**
 * Runs one compiled policy over one data document.
 *
 * Input text goes straight into linear memory and result text comes straight out of it. After an
 * abort or a trap the instance is not used again: an exception that unwinds through WASM leaves
 * its stack pointer where it was, and after some hundred of them nothing works.
 */
export class WasmHost {
  /** Name → id. */
  readonly entrypoints: ReadonlyMap<string, number>;
  readonly #policy: CompiledPolicy;
  readonly #builtins: HostBuiltins;
  readonly #memoryPagesMax: number;
  readonly #memoryPagesMin: number;
  #memory: WebAssembly.Memory;
  #exports: PolicyExports;
  #bytes: Buffer;
  /** Below it the module's own data and stack, above it the data document. */
  readonly #heapBase: number;
  readonly #dataAddress: number;
  /** Above it each evaluation has what it makes. */
  readonly #dataEnd: number;
  #restartDue: "no" | "same_memory" | "new_memory" = "no";
  #restartCount = 0;

  /**
   * Instantiates the policy and loads its data. Synchronous, some 0.2 ms and the data's parsing.
   *
   * @throws StileError `bundle_invalid`
   */
  constructor(policy: CompiledPolicy, data: Uint8Array, limits: HostLimits = DEFAULT_LIMITS) {
    this.#policy = policy;
    const wantedBytes = data.length * DATA_BYTES_PER_TEXT_BYTE + WORKING_BYTES;
    this.#memoryPagesMin = Math.min(PAGES_MAX, policy.memoryPagesMin + pages(wantedBytes));
    this.#memoryPagesMax = Math.min(PAGES_MAX, this.#memoryPagesMin + pages(limits.memoryBytesMax));
    this.#builtins = new HostBuiltins();
    try {
      this.#memory = this.#newMemory();
      const instance = this.#instantiate();
      const version = readAbiVersion(instance);
      if (!/^1\.[2-9]$/.test(version)) {
        throw invalid(
          version === ""
            ? "policy.wasm is no policy of OPA: it names no ABI version"
            : `policy.wasm has ABI version ${version}, expected 1.2 or a later 1.x`,
        );
      }
      this.#exports = readExports(instance);
      this.#bytes = Buffer.from(this.#memory.buffer);
      this.#builtins.attach(this.#exports, this.#memory);
      this.#heapBase = this.#exports.heapPtrGet();
      this.#builtins.serve(readNumbers(this.#dumped(this.#exports.builtins())));

      const loaded = loadData({ module: policy.module, instance }, this.#memory, data);
      this.entrypoints = readNumbers(loaded.entrypoints);
      this.#dataAddress = loaded.dataAddress;
      this.#dataEnd = this.#exports.heapPtrGet();
      this.#bytes = Buffer.from(this.#memory.buffer);
    } catch (thrown) {
      if (thrown instanceof StileError) throw thrown;
      const cause = asError(thrown);
      throw new StileError("bundle_invalid", "policy.wasm does not start with this data", {
        cause,
      });
    }
  }

  /** How often an instance was thrown away. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** Linear memory held now. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Evaluates one entrypoint. Never throws. */
  evaluate(entrypoint: number, input: HostInput, env: BuiltinEnv): HostResult {
    try {
      if (this.#restartDue !== "no") this.#restart();
      this.#builtins.begin(env);
      return this.#run(entrypoint, input);
    } catch (thrown) {
      this.#restartDue = "same_memory";
      const cause = asError(thrown);
      const fault = faultOf(thrown);
      return { kind: "fault", fault, cause, cost: 0 };
    } finally {
      if (this.#memory.buffer.byteLength > this.#memoryPagesMin * PAGE_BYTES + GROWN_BYTES_KEPT) {
        this.#restartDue = "new_memory";
      }
    }
  }

  #run(entrypoint: number, input: HostInput): HostResult {
    const exports = this.#exports;
    let inputAddress = 0;
    if (input === undefined) {
      exports.heapPtrSet(this.#dataEnd);
    } else {
      inputAddress = this.#parseInput(input);
      if (inputAddress === 0) {
        const cause = new TypeError(`the engine does not read the input as ${input.kind}`);
        return { kind: "fault", fault: "input_rejected", cause, cost: 0 };
      }
    }
    // The four calls that opa_eval makes; it would take an input it cannot read for no input.
    const context = exports.contextNew();
    exports.contextSetInput(context, inputAddress);
    exports.contextSetData(context, this.#dataAddress);
    exports.contextSetEntrypoint(context, entrypoint);
    exports.eval(context);
    const resultAddress = exports.valueDump(exports.contextGetResult(context));
    return { kind: "result", text: this.#textAt(resultAddress), cost: 0 };
  }

  /** Writes the text just above the data, and has the engine parse it. */
  #parseInput(input: { readonly kind: "json" | "term"; readonly text: string }): number {
    const { text } = input;
    const exports = this.#exports;
    let at = this.#dataEnd;
    let bytes = this.#view();
    // A UTF-16 unit takes at most three bytes, so most texts need no counting.
    let lengthBytes: number;
    if (text.length * 3 <= bytes.length - at || Buffer.byteLength(text) <= bytes.length - at) {
      lengthBytes = bytes.write(text, at, "utf8");
      exports.heapPtrSet((at + lengthBytes + 7) & ~7);
    } else {
      // Grown by the module's own allocator, which keeps count of its memory.
      exports.heapPtrSet(at);
      lengthBytes = Buffer.byteLength(text);
      at = exports.malloc(lengthBytes);
      bytes = this.#view();
      bytes.write(text, at, "utf8");
    }
    return input.kind === "json"
      ? exports.jsonParse(at, lengthBytes)
      : exports.valueParse(at, lengthBytes);
  }

  #dumped(value: number): unknown {
    return JSON.parse(this.#textAt(this.#exports.jsonDump(value)));
  }

  #textAt(address: number): string {
    const bytes = this.#view();
    const end = bytes.indexOf(0, address);
    return bytes.toString("utf8", address, end);
  }

  /** A view of the memory as it is now: growing detaches the one before. */
  #view(): Buffer {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = Buffer.from(this.#memory.buffer);
    return this.#bytes;
  }

  #restart(): void {
    this.#restartCount += 1;
    const before = this.#memory;
    if (this.#restartDue === "new_memory") {
      this.#memory = this.#newMemory();
    } else {
      // Instantiation writes the module's data again, but takes the rest for zero.
      new Uint8Array(before.buffer, 0, this.#heapBase).fill(0);
    }
    this.#exports = readExports(this.#instantiate());
    if (this.#memory !== before) {
      const data = new Uint8Array(before.buffer, this.#heapBase, this.#dataEnd - this.#heapBase);
      new Uint8Array(this.#memory.buffer).set(data, this.#heapBase);
    }
    this.#builtins.attach(this.#exports, this.#memory);
    this.#restartDue = "no";
  }

  #newMemory(): WebAssembly.Memory {
    return new WebAssembly.Memory({
      initial: this.#memoryPagesMin,
      maximum: this.#memoryPagesMax,
    });
  }

  #instantiate(): WebAssembly.Instance {
    return new WebAssembly.Instance(this.#policy.module, {
      env: { memory: this.#memory, ...this.#builtins.imports },
    });
  }
}

function faultOf(thrown: unknown): PolicyFault {
  if (thrown instanceof PolicyAbort && thrown.message.includes("opa_malloc: failed")) {
    return "memory_exceeded";
  }
  return "trapped";
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

/** Reads the module's tables of names and ids. */
function readNumbers(value: unknown): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  if (typeof value !== "object" || value === null) throw new TypeError("a table of names is none");
  for (const [name, id] of Object.entries(value)) {
    if (typeof id !== "number") throw new TypeError(`${name} has no number`);
    numbers.set(name, id);
  }
  return numbers;
}

function invalid(what: string): StileError {
  return new StileError("bundle_invalid", what);
}
