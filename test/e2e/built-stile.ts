import { readdirSync, statSync } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram } from "../real/run-program.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** The program as it is shipped: `dist/cli/main.js`. */
export const STILE = path.join(ROOT, "dist/cli/main.js");

const LOCK = path.join(ROOT, ".tools/e2e-build.lock");
const LOCK_STALE_MS = 60_000;

/**
 * Builds `dist/` where a source is newer than it. Test files run beside each other, so one builds
 * and the others wait.
 *
 * @throws Error with what the compiler said.
 */
export async function buildStile(): Promise<void> {
  while (isStale()) {
    if (!(await lock())) {
      await sleep(100);
      continue;
    }
    try {
      const built = await runProgram("npm", ["run", "--silent", "build"], { cwd: ROOT });
      if (built.code !== 0) throw new Error(`build Stile: ${built.stdout}${built.stderr}`);
      return;
    } finally {
      await rm(LOCK, { recursive: true, force: true });
    }
  }
}

function isStale(): boolean {
  const builtMs = statSync(path.join(ROOT, "dist/.tsbuildinfo"), {
    throwIfNoEntry: false,
  })?.mtimeMs;
  if (builtMs === undefined) return true;
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  return sources.some(
    (name) => name.endsWith(".ts") && statSync(path.join(ROOT, "src", name)).mtimeMs > builtMs,
  );
}

/** @returns false while another process builds. */
async function lock(): Promise<boolean> {
  try {
    await mkdir(path.dirname(LOCK), { recursive: true });
    await mkdir(LOCK);
    return true;
  } catch {
    const sinceMs = await stat(LOCK).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - sinceMs > LOCK_STALE_MS) await rm(LOCK, { recursive: true, force: true });
    return false;
  }
}
