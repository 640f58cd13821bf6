import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import type { Readable } from "node:stream";

/** How a process ended: by an exit code or by a signal. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of a test. It ends when the test's process does, however that ends. */
export interface GuardedProcess {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
}

/**
 * @param env the whole environment.
 * @param input file that is its standard input.
 * @throws Error when it cannot be started.
 */
export async function startGuarded(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = "/dev/null",
): Promise<GuardedProcess> {
  const from = openSync(input, "r");
  const child = spawn(program, args, { env, stdio: [from, "pipe", "pipe"] });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("no pipes");
  closeSync(from);
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  // Waits for its standard input to close, which happens with our end, and then ends the process.
  const guard = spawn("sh", ["-c", 'cat >/dev/null; kill -9 "$0" 2>/dev/null', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  void ended.then(() => guard.kill("SIGKILL"));
  return {
    pid,
    stdout,
    stderr,
    ended,
    signal: (signal) => void child.kill(signal),
  };
}
