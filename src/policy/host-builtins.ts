import { asError, StileError } from "../core/errors.ts";
import { type Builtin, type BuiltinEnv, BuiltinError } from "./builtins/builtin.ts";
import { builtins, refusedBuiltins } from "./builtins/index.ts";
import { parseTerm, type Term, termText } from "./terms.ts";
import type { PolicyInstance } from "./wasm-instance.ts";

/** The evaluation ends here, with a message of the policy or of a builtin. */
export class PolicyAbort extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "PolicyAbort";
  }
}

/** What calling a builtin costs, in steps: a part for the call, and one for each character. */
const STEPS_OF_CALL = 100;

interface Served {
  readonly name: string;
  readonly run: Builtin;
}

/**
 * What a policy module imports: aborting, and the builtins that OPA leaves to its host.
 *
 * Arguments and results pass as Rego term text, which unlike JSON holds sets, any key and exact
 * numbers. A builtin that refuses its arguments has no value; in strict mode, and when it fails
 * in any other way, the evaluation is aborted. What goes in and out is paid for in steps.
 */
export class HostBuiltins {
  readonly imports: WebAssembly.ModuleImports;
  #served: ReadonlyMap<number, Served> = new Map();
  #env: BuiltinEnv = { nowNs: "0", seed: "", strict: false, memo: new Map() };
  #attached: PolicyInstance | undefined;

  constructor() {
    const call = (id: number, _context: number, ...args: number[]): number => this.#call(id, args);
    this.imports = {
      opa_abort: (address: number): never => {
        throw new PolicyAbort(this.#instance().textAt(address));
      },
      opa_println: (address: number): void => this.#env.print?.(this.#instance().textAt(address)),
      opa_builtin0: call,
      opa_builtin1: call,
      opa_builtin2: call,
      opa_builtin3: call,
      opa_builtin4: call,
    };
  }

  /** Takes the instance whose calls come next. */
  attach(instance: PolicyInstance): void {
    this.#attached = instance;
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
    this.#pay(STEPS_OF_CALL);
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
    const instance = this.#instance();
    const textAddress = instance.exports.valueDump(address);
    const text = instance.textAt(textAddress);
    instance.exports.free(textAddress);
    this.#pay(text.length);
    return text;
  }

  #load(text: string): number {
    this.#pay(text.length);
    const instance = this.#instance();
    const { address, lengthBytes } = instance.place(text);
    const value = instance.exports.valueParse(address, lengthBytes);
    instance.exports.free(address);
    if (value === 0) throw new PolicyAbort("a builtin's result is no Rego term");
    return value;
  }

  #pay(steps: number): void {
    const instance = this.#instance();
    instance.stepsLeft -= steps;
    if (instance.stepsLeft < 0) throw new PolicyAbort("no steps left for a builtin");
  }

  #instance(): PolicyInstance {
    if (this.#attached === undefined) throw new PolicyAbort("called before it was started");
    return this.#attached;
  }
}
