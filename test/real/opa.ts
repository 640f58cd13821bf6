import { requireReal } from "./require-real.ts";
import { type ProgramResult, type RunOptions, runProgram } from "./run-program.ts";

/** Runs OPA 1.22.2, such as `runOpa(["test", "policies/sre"])`. Check `requireReal("opa")` first. */
export async function runOpa(
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const opa = await requireReal("opa");
  return runProgram(opa.path, args, options);
}
