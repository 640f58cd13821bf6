import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { toolsDir } from "../../real/require-real.ts";
import { runProgram } from "../../real/run-program.ts";
import { casesDir } from "./cases.ts";

const programDir = path.join(import.meta.dirname, "compile");
const keptDir = path.join(toolsDir, "conformance");

/** The modules that the cases were compiled to. */
export interface CompiledCases {
  /** @returns the module, or why the case does not compile. */
  moduleOf(id: string): { readonly wasm: Buffer } | { readonly error: string };
  close(): void;
}

/**
 * Compiles all cases with OPA's own packages in one process, once for each state of the cases and
 * of the program; needs Go.
 *
 * @throws Error when the program fails.
 */
export async function compiledCases(): Promise<CompiledCases> {
  const folder = path.join(keptDir, digest());
  if (!existsSync(folder)) await compile(folder);
  const index = new Map(
    readFileSync(path.join(folder, "index.jsonl"), "utf8").trim().split("\n").map(entryOf),
  );
  const modules = openSync(path.join(folder, "modules.bin"), "r");
  return {
    moduleOf(id) {
      const entry = index.get(id);
      if (entry === undefined || entry.error !== "")
        return { error: entry?.error ?? "not compiled" };
      const wasm = Buffer.alloc(entry.length);
      readSync(modules, wasm, 0, entry.length, entry.offset);
      return { wasm };
    },
    close: () => closeSync(modules),
  };
}

async function compile(folder: string): Promise<void> {
  console.log("compiling the conformance cases with OPA's packages; this is done once");
  // Earlier states are of no use any more, and large.
  for (const name of await readdir(keptDir).catch(() => [])) {
    await rm(path.join(keptDir, name), { recursive: true, force: true });
  }
  const args = ["run", ".", casesDir, folder];
  const result = await runProgram("go", args, { cwd: programDir, showStderr: true });
  if (result.code !== 0) throw new Error(`compile the conformance cases: ${result.stderr}`);
}

function digest(): string {
  const hash = createHash("sha256");
  for (const dir of [programDir, casesDir]) {
    for (const name of readdirSync(dir).sort()) {
      hash.update(`${name}\n`).update(readFileSync(path.join(dir, name)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

interface Entry {
  readonly offset: number;
  readonly length: number;
  readonly error: string;
}

function entryOf(line: string): [string, Entry] {
  const fields = new Map(Object.entries(recordOf(JSON.parse(line))));
  const entry = {
    offset: Number(fields.get("offset")),
    length: Number(fields.get("length")),
    error: textOf(fields.get("error")),
  };
  return [textOf(fields.get("id")), entry];
}

function recordOf(value: unknown): object {
  if (typeof value === "object" && value !== null) return value;
  throw new TypeError("a line of the index is no object");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
