import type { BuiltinEnv } from "../../../src/policy/builtins/builtin.ts";

/** An evaluation's environment; the instant is the one at which the rows were answered. */
export function env(changes: Partial<BuiltinEnv> = {}): BuiltinEnv {
  return {
    nowNs: "1763990000000000000",
    seed: "seed",
    strict: false,
    memo: new Map<string, unknown>(),
    ...changes,
  };
}
