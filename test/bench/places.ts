import { existsSync } from "node:fs";
import { join } from "node:path";

// The bench runs compiled, from `.tools/bench/build/test/bench/`, beside a build of `src/`: the
// server under test and its load come from one state of the tree, whatever `dist/` holds.
const BUILD = join(import.meta.dirname, "../..");
const ROOT = join(BUILD, "../../..");

export const SHIPPED_PACK = join(ROOT, "policies/sre.tar.gz");
export const PACK_SOURCE = join(ROOT, "policies/sre");
export const STILE_MAIN = join(BUILD, "src/cli/main.js");
export const BUDGET = join(ROOT, "test/bench/budget.json");
export const PAGE = join(ROOT, "docs/benchmarks.md");
/** Git-ignored: reports, profiles, and the data of servers while they run. */
export const OUTPUT = join(ROOT, ".tools/bench");

/** @returns the path of a program that only the bench has, such as `servers/echo-server.js`. */
export function benchProgram(path: string): string {
  return join(import.meta.dirname, path);
}

/** @returns the OPA that the tests install, where it is there. */
export function findOpa(): string | undefined {
  const path = join(ROOT, ".tools/bin/opa");
  return existsSync(path) ? path : undefined;
}
