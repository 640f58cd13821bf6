import type { Term } from "../terms.ts";

/** What one evaluation lends to its builtins. */
export interface BuiltinEnv {
  /** What `time.now_ns` answers throughout the evaluation, as decimal digits. */
  readonly nowNs: string;
  /** What random values are drawn from; the same seed gives the same values. */
  readonly seed: string;
  /** Whether the host makes a builtin's error the evaluation's error. */
  readonly strict: boolean;
  /** Lives for one evaluation. */
  readonly memo: Map<string, unknown>;
  /** Takes what `print` and `trace` say; nothing is said where it is missing. */
  readonly print?: (line: string) => void;
}

/**
 * A builtin that the module leaves to its host. Synchronous, bounded, the same for the same
 * arguments and environment.
 *
 * @returns the value, or undefined when the expression has none.
 * @throws BuiltinError when the arguments are refused: undefined, or an error in strict mode.
 */
export type Builtin = (args: readonly Term[], env: BuiltinEnv) => Term | undefined;

/** Why a builtin gave no value. */
export class BuiltinError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = "BuiltinError";
  }
}
