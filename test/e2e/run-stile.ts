import { buildStile, STILE } from "./built-stile.ts";
import type { Ended } from "./guarded-process.ts";
import { startGuarded } from "./guarded-process.ts";
import { serverEnv } from "./stile-server.ts";

/** How a command ended, and what it wrote. */
export interface Ran extends Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly pid: number;
  /** What it wrote so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

/**
 * Starts `stile` with these words, in an environment without variables of Stile but those given.
 *
 * @param input file that is its standard input.
 */
export async function startCommand(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<Running> {
  await buildStile();
  const child = await startGuarded(
    process.execPath,
    [STILE, ...words],
    { ...serverEnv(), ...env },
    input,
  );
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return {
    pid: child.pid,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => child.signal(signal),
    ended: child.ended.then((how) => ({ ...how, stdout, stderr })),
  };
}

/** Runs `stile` to its end. */
export async function runStile(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<Ran> {
  return (await startCommand(words, env, input)).ended;
}
