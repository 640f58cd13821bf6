import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { readTar } from "../../src/policy/tar-reader.ts";
import { writeTar } from "../../src/policy/tar-writer.ts";

const run = promisify(execFile);

export interface Sources {
  /** Rego text of the one module. */
  readonly rego: string;
  readonly data?: unknown;
  readonly entrypoints?: readonly string[];
  readonly revision?: string;
  /** Text of features.yaml. */
  readonly features?: string;
  readonly roots?: readonly string[];
}

/** @returns path of OPA's binary, from PATH or `.tools/bin`; undefined where there is none. */
export function findOpa(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(".tools", "bin")];
  return folders.map((folder) => join(folder, "opa")).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Builds a bundle with OPA. @returns its files by path. */
export async function buildFiles(sources: Sources): Promise<Map<string, Uint8Array>> {
  const opa = findOpa();
  if (opa === undefined) throw new Error("no opa on PATH nor in .tools/bin");
  const folder = await mkdtemp(join(tmpdir(), "stile-opa-build-"));
  try {
    const source = join(folder, "source");
    await mkdir(source);
    await writeFile(join(source, "policy.rego"), sources.rego);
    await writeFile(join(source, "data.json"), JSON.stringify(sources.data ?? {}));
    if (sources.roots !== undefined) {
      await writeFile(join(source, ".manifest"), JSON.stringify({ roots: sources.roots }));
    }
    const out = join(folder, "bundle.tar.gz");
    const entrypoints = sources.entrypoints ?? ["stile/decision"];
    await run(opa, [
      "build",
      "--target=wasm",
      ...entrypoints.map((name) => `--entrypoint=${name}`),
      `--revision=${sources.revision ?? ""}`,
      `--output=${out}`,
      "--bundle",
      source,
    ]);
    const files = new Map(readTar(gunzipSync(await readFile(out))));
    if (sources.features !== undefined) {
      files.set("features.yaml", Buffer.from(sources.features));
    }
    return files;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the files as tar.gz. */
export function pack(files: ReadonlyMap<string, Uint8Array>): Buffer {
  return gzipSync(writeTar(files), { level: 1 });
}

/** Builds a bundle with OPA. @returns it as tar.gz. */
export async function buildBundle(sources: Sources): Promise<Buffer> {
  return pack(await buildFiles(sources));
}

/** A policy whose decision is `value`, a Rego expression over input and data. */
export function deciding(value: string, rest = ""): string {
  return `package stile\n\ndecision := ${value}\n\n${rest}\n`;
}
