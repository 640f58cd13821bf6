import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** How a program ended. */
export interface ProgramResult {
  /** Exit code; 128 + signal number is not made up: a program ended by a signal has -1. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Written to the program's standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The program's standard error also goes to ours, so that a long installation shows progress. */
  readonly showStderr?: boolean;
}

/** Runs a program to its end. @throws Error when it cannot be started. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProgramResult> {
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (options.showStderr === true) child.stderr.pipe(process.stderr, { end: false });
  // A program that ends without reading its input is no fault of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
