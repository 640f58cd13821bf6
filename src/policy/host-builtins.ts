import { asError, StileError } from "../core/errors.ts";
import { type Builtin, BuiltinError, type BuiltinEnv } from "./builtins/builtin.ts";
import { builtins, refusedBuiltins } from "./builtins/index.ts";
import type { PolicyExports } from "./policy-exports.ts";
import { parseTerm, type Term, termText } from "./terms.ts";

/** The evaluation ends here, with a message of the policy or of a builtin. */
export class PolicyAbort extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "PolicyAbort";
  }
}

interface Served {
  readonly name: string;
  readonly run: Builtin;
}

/**
 * What a policy module imports: aborting, and the builtins that OPA leaves to its host.
 *
 * Arguments and results pass as Rego term text, which unlike JSON holds sets, any key and exact
 * numbers. A builtin that refuses its arguments has no value; in strict mode, and when it fails
 * in any other way, the evaluation is aborted.
 */
export class HostBuiltins {
  readonly imports: WebAssembly.ModuleImports;
  #served: ReadonlyMap<number, Served> = new Map();
  #env: BuiltinEnv = { nowNs: "0", seed: "", strict: false, memo: new Map() };
  #exports: PolicyExports | undefined;
  #memory: WebAssembly.Memory | undefined;

  constructor() {
    const call = (id: number, _context: number, ...args: number[]): number => this.#call(id, args);
    this.imports = {
      opa_abort: (address: number): never => {
        throw new PolicyAbort(this.#textAt(address));
      },
      opa_println: (address: number): void => this.#env.print?.(this.#textAt(address)),
      opa_builtin0: call,
      opa_builtin1: call,
      opa_builtin2: call,
      opa_builtin3: call,
      opa_builtin4: call,
    };
  }

  /** Takes the instance whose calls come next. */
  attach(exports: PolicyExports, memory: WebAssembly.Memory): void {
    this.#exports = exports;
    this.#memory = memory;
  }

  /**
   * Takes the module's table of builtins.
   *
   * @throws StileError `bundle_invalid` naming those that are not served.
   */
  serve(ids: ReadonlyMap<string, number>): void {
    const served = new Map<number, Served>();
    for (const [name, id] of ids) {
      const run = builtins.get(name);
      if (run === undefined) {
        const why = refusedBuiltins.get(name) ?? "it is not known here";
        throw new StileError("bundle_invalid", `the policy calls ${name}, not served: ${why}`);
      }
      served.set(id, { name, run });
    }
    this.#served = served;
  }

  /** Sets what builtins see until the next call. */
  begin(env: BuiltinEnv): void {
    this.#env = env;
  }

  #call(id: number, addresses: readonly number[]): number {
    const served = this.#served.get(id);
    if (served === undefined) throw new PolicyAbort(`builtin ${id} is not in the module's table`);
    const args = addresses.map((address) => parseTerm(this.#dump(address)));
    const value = this.#run(served, args);
    return value === undefined ? 0 : this.#load(termText(value));
  }

  #run({ name, run }: Served, args: readonly Term[]): Term | undefined {
    try {
      return run(args, this.#env);
    } catch (thrown) {
      const cause = asError(thrown);
      if (!(cause instanceof BuiltinError)) throw new PolicyAbort(`${name} failed`, { cause });
      if (this.#env.strict) throw new PolicyAbort(`${name}: ${cause.message}`, { cause });
      return undefined;
    }
  }

  #dump(address: number): string {
    const { valueDump, free } = this.#instance();
    const textAddress = valueDump(address);
    const text = this.#textAt(textAddress);
    free(textAddress);
    return text;
  }

  #load(text: string): number {
    const { malloc, free, valueParse } = this.#instance();
    const lengthBytes = Buffer.byteLength(text);
    const address = malloc(lengthBytes);
    this.#bytes().write(text, address, "utf8");
    const value = valueParse(address, lengthBytes);
    free(address);
    if (value === 0) throw new PolicyAbort("a builtin's result is no Rego term");
    return value;
  }

  #textAt(address: number): string {
    const bytes = this.#bytes();
    return bytes.toString("utf8", address, bytes.indexOf(0, address));
  }

  #bytes(): Buffer {
    if (this.#memory === undefined) throw new PolicyAbort("called before it was started");
    return Buffer.from(this.#memory.buffer);
  }

  #instance(): PolicyExports {
    if (this.#exports === undefined) throw new PolicyAbort("called before it was started");
    return this.#exports;
  }
}
