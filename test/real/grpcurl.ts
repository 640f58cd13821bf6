import { requireReal } from "./require-real.ts";
import { type ProgramResult, type RunOptions, runProgram } from "./run-program.ts";

/**
 * Runs grpcurl, such as `runGrpcurl(["-plaintext", address, "list"])`. Check
 * `requireReal("grpcurl")` first.
 */
export async function runGrpcurl(
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const grpcurl = await requireReal("grpcurl");
  return runProgram(grpcurl.path, args, options);
}
