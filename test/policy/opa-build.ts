import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { readTar } from "../../src/policy/tar-reader.ts";
import { writeTar } from "../../src/policy/tar-writer.ts";
import { runOpa } from "../real/opa.ts";

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

/** Builds a bundle with OPA. @returns its files by path. */
export async function buildFiles(sources: Sources): Promise<Map<string, Uint8Array>> {
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
    const built = await runOpa([
      "build",
      "--target=wasm",
      ...entrypoints.map((name) => `--entrypoint=${name}`),
      `--revision=${sources.revision ?? ""}`,
      `--output=${out}`,
      "--bundle",
      source,
    ]);
    if (built.code !== 0) throw new Error(built.stderr);
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
