import { asError, StileError } from "../core/errors.ts";
import type { PolicyFault } from "../core/policy.ts";
import type { BuiltinEnv } from "./builtins/builtin.ts";
import { HostBuiltins, PolicyAbort } from "./host-builtins.ts";
import { PAGES_MAX } from "./module-rewriter.ts";
import { loadData } from "./opa-loader.ts";
import { readAbiVersion } from "./policy-exports.ts";
import { PolicyInstance } from "./wasm-instance.ts";
import type { CompiledPolicy } from "./wasm-module.ts";

const PAGE_BYTES = 65_536;
/** Parsed data takes about 16 times the bytes of its text; growing later is slow. */
const DATA_BYTES_PER_TEXT_BYTE = 16;
/** What evaluations find ready; untouched it costs nothing. */
const WORKING_BYTES = 16 * 1024 * 1024;
/** Memory that evaluations made grow by more than this is given back. */
const GROWN_BYTES_KEPT = 32 * 1024 * 1024;

export interface HostLimits {
  /** Steps of one evaluation, at most 2,000,000,000; some 10 ns each. */
  readonly stepsMax: number;
  /** What one evaluation may use of memory, beyond what the data takes. */
  readonly memoryBytesMax: number;
}

export const DEFAULT_LIMITS: HostLimits = {
  stepsMax: 1_000_000,
  memoryBytesMax: 256 * 1024 * 1024,
};

/** What loading data may take: all that the counter can hold. */
const LOADING_STEPS = 0x7fffffff;

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
  readonly #builtins = new HostBuiltins();
  readonly #stepsMax: number;
  readonly #pagesMax: number;
  readonly #readyBytes: number;
  #instance: PolicyInstance;
  /** Of the memory, before any evaluation. */
  #loadedBytes: number;
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
    this.#stepsMax = limits.stepsMax;
    try {
      this.#readyBytes = Math.min(WORKING_BYTES, limits.memoryBytesMax);
      const wantedBytes = data.length * DATA_BYTES_PER_TEXT_BYTE + this.#readyBytes;
      this.#instance = this.#start(newMemory(policy.memoryPagesMin + pages(wantedBytes)));
      this.#instance.stepsLeft = LOADING_STEPS;
      const { exports, instance, memory } = this.#instance;
      checkAbiVersion(instance);
      this.#heapBase = exports.heapPtrGet() >>> 0;
      const table: unknown = JSON.parse(
        this.#instance.textAt(exports.jsonDump(exports.builtins())),
      );
      this.#builtins.serve(readNumbers(table));

      const loaded = loadData({ module: policy.module, instance }, memory, data);
      this.entrypoints = readNumbers(loaded.entrypoints);
      this.#dataAddress = loaded.dataAddress;
      this.#dataEnd = exports.heapPtrGet() >>> 0;
      this.#loadedBytes = memory.buffer.byteLength;
      this.#pagesMax = pages(this.#dataEnd + limits.memoryBytesMax);
      this.#instance.pagesMax = this.#pagesMax;
    } catch (thrown) {
      if (thrown instanceof StileError) throw thrown;
      const cause = asError(thrown);
      const message = "policy.wasm does not start with this data";
      throw new StileError("bundle_invalid", message, { cause });
    }
  }

  /** How often an instance was thrown away. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** Linear memory held now. */
  get memoryBytes(): number {
    return this.#instance.memory.buffer.byteLength;
  }

  /** Evaluates one entrypoint. Never throws. */
  evaluate(entrypoint: number, input: HostInput, env: BuiltinEnv): HostResult {
    try {
      if (this.#restartDue !== "no") this.#restart();
      this.#builtins.begin(env);
      this.#instance.stepsLeft = this.#stepsMax;
      return this.#run(entrypoint, input);
    } catch (thrown) {
      this.#restartDue = "same_memory";
      return this.#fault(this.#faultOf(thrown), asError(thrown));
    } finally {
      if (this.memoryBytes > this.#loadedBytes + GROWN_BYTES_KEPT) this.#restartDue = "new_memory";
    }
  }

  #run(entrypoint: number, input: HostInput): HostResult {
    const { exports } = this.#instance;
    let inputAddress = 0;
    if (input === undefined) {
      exports.heapPtrSet(this.#dataEnd);
    } else {
      inputAddress = this.#parseInput(input);
      if (inputAddress === 0) {
        const cause = new TypeError(`the engine does not read the input as ${input.kind}`);
        return this.#fault("input_rejected", cause);
      }
    }
    // The calls that opa_eval makes; it would take an input it cannot read for no input.
    const context = exports.contextNew();
    exports.contextSetInput(context, inputAddress);
    exports.contextSetData(context, this.#dataAddress);
    exports.contextSetEntrypoint(context, entrypoint);
    exports.eval(context);
    const resultAddress = exports.valueDump(exports.contextGetResult(context));
    return { kind: "result", text: this.#instance.textAt(resultAddress), cost: this.#cost() };
  }

  /** Writes the text just above the data, and has the engine parse it. */
  #parseInput({ kind, text }: { readonly kind: "json" | "term"; readonly text: string }): number {
    const { exports, bytes } = this.#instance;
    const parse = kind === "json" ? exports.jsonParse : exports.valueParse;
    const at = this.#dataEnd;
    const roomBytes = bytes.length - at;
    // A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no counting.
    if (text.length * 3 <= roomBytes || Buffer.byteLength(text) <= roomBytes) {
      const lengthBytes = bytes.write(text, at, "utf8");
      exports.heapPtrSet((at + lengthBytes + 7) & ~7);
      return parse(at, lengthBytes);
    }
    // Only the module's own allocator may make memory grow, since it counts what there is.
    exports.heapPtrSet(at);
    const { address, lengthBytes } = this.#instance.place(text);
    return parse(address, lengthBytes);
  }

  #cost(): number {
    return this.#stepsMax - Math.max(0, this.#instance.stepsLeft);
  }

  #fault(fault: PolicyFault, cause: Error): HostResult {
    return { kind: "fault", fault, cause, cost: this.#cost() };
  }

  #faultOf(thrown: unknown): PolicyFault {
    if (this.#instance.stepsLeft < 0) return "budget_exceeded";
    const isOutOfMemory =
      thrown instanceof PolicyAbort && thrown.message.includes("opa_malloc: failed");
    return isOutOfMemory ? "memory_exceeded" : "trapped";
  }

  #restart(): void {
    this.#restartCount += 1;
    const { memory } = this.#instance;
    if (this.#restartDue === "new_memory") {
      this.#instance = this.#start(newMemory(pages(this.#dataEnd + this.#readyBytes)));
      const data = new Uint8Array(memory.buffer, this.#heapBase, this.#dataEnd - this.#heapBase);
      this.#instance.bytes.set(data, this.#heapBase);
      this.#loadedBytes = this.memoryBytes;
    } else {
      // Instantiation writes the module's data again, but takes the rest for zero.
      new Uint8Array(memory.buffer, 0, this.#heapBase).fill(0);
      this.#instance = this.#start(memory);
    }
    this.#instance.pagesMax = this.#pagesMax;
    this.#restartDue = "no";
  }

  #start(memory: WebAssembly.Memory): PolicyInstance {
    const instance = new PolicyInstance(this.#policy.module, memory, this.#builtins.imports);
    this.#builtins.attach(instance);
    return instance;
  }
}

function newMemory(pageCount: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.min(PAGES_MAX, pageCount), maximum: PAGES_MAX });
}

function checkAbiVersion(instance: WebAssembly.Instance): void {
  const version = readAbiVersion(instance);
  if (/^1\.[2-9]$/.test(version)) return;
  throw new StileError(
    "bundle_invalid",
    version === ""
      ? "policy.wasm is no policy of OPA: it names no ABI version"
      : `policy.wasm has ABI version ${version}, expected 1.2 or a later 1.x`,
  );
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
