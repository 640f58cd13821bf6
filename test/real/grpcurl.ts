import { requireReal } from "./require-real.ts";
import { runProgram, type ProgramResult, type RunOptions } from "./run-program.ts";

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
