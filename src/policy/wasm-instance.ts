import { PAGES_MAX_EXPORT, STEPS_EXPORT } from "./module-rewriter.ts";
import { type PolicyExports, readExports } from "./policy-exports.ts";

/** One instance of a policy module with its memory and its counter of steps. */
export class PolicyInstance {
  readonly instance: WebAssembly.Instance;
  readonly exports: PolicyExports;
  readonly memory: WebAssembly.Memory;
  readonly #steps: WebAssembly.Global<"i32">;
  readonly #pagesMax: WebAssembly.Global<"i32">;
  #bytes: Buffer;

  /**
   * @param imports what the module asks of its host besides memory.
   * @throws Error when the module does not start, or is no metered policy.
   */
  constructor(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    imports: WebAssembly.ModuleImports,
  ) {
    this.instance = new WebAssembly.Instance(module, { env: { memory, ...imports } });
    this.memory = memory;
    this.#bytes = Buffer.from(memory.buffer);
    this.exports = readExports(this.instance);
    this.#steps = this.#counter(STEPS_EXPORT);
    this.#pagesMax = this.#counter(PAGES_MAX_EXPORT);
  }

  /** Steps that are left; below 0 when the last evaluation wanted more. */
  get stepsLeft(): number {
    return this.#steps.value;
  }

  set stepsLeft(count: number) {
    this.#steps.value = count;
  }

  /** 64 KiB pages that the module's allocator may have. */
  set pagesMax(count: number) {
    this.#pagesMax.value = count;
  }

  /** The memory as it is now: growing detaches the view of before. */
  get bytes(): Buffer {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = Buffer.from(this.memory.buffer);
    return this.#bytes;
  }

  /** @returns the text from an address to its NUL. */
  textAt(address: number): string {
    const { bytes } = this;
    // The engine hands out addresses as signed numbers.
    const start = address >>> 0;
    return bytes.toString("utf8", start, bytes.indexOf(0, start));
  }

  /** Puts text on the module's heap. */
  place(text: string): { readonly address: number; readonly lengthBytes: number } {
    const lengthBytes = Buffer.byteLength(text);
    const address = this.exports.malloc(lengthBytes);
    this.bytes.write(text, address >>> 0, "utf8");
    return { address, lengthBytes };
  }

  #counter(name: string): WebAssembly.Global<"i32"> {
    const found = this.instance.exports[name];
    if (!isCounter(found)) throw new TypeError(`it exports no number ${name}`);
    return found;
  }
}

function isCounter(value: unknown): value is WebAssembly.Global<"i32"> {
  return value instanceof WebAssembly.Global && typeof value.value === "number";
}
