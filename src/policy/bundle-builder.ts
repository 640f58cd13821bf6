import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { StileError } from "../core/errors.ts";
import { type Bundle, bundleFromFiles } from "./bundle-reader.ts";
import { ENTRYPOINT, openPolicy } from "./open-policy.ts";
import { readTar } from "./tar-reader.ts";
import { writeTar } from "./tar-writer.ts";

const run = promisify(execFile);
const BUILD_MS_MAX = 120_000;

/** A bundle as built, the same bytes for the same source. */
export interface BuiltBundle {
  readonly bytes: Buffer;
  readonly bundle: Bundle;
}

/**
 * Builds a bundle from a folder of Rego, data and `features.yaml`: compiles it by OPA, leaves
 * tests out, adds the feature declarations, and opens the result to see that it can be served.
 *
 * @param opa path of the OPA program.
 * @throws StileError `bundle_invalid`, with what OPA says of the source.
 */
export async function buildBundle(source: string, opa: string): Promise<BuiltBundle> {
  const files = await compiledFiles(source, opa);
  const bytes = gzipSync(writeTar(files), { level: 9 });
  const bundle = bundleFromFiles(files);
  await openPolicy(bundle, "build");
  return { bytes, bundle };
}

async function compiledFiles(
  source: string,
  opa: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), "stile-build-"));
  try {
    const out = join(folder, "bundle.tar.gz");
    const ignored = ["--ignore", "*_test.rego"];
    const target = ["--target", "wasm", "--entrypoint", ENTRYPOINT, "--output", out];
    // OPA writes the paths it is given into the module: from within, they are the same anywhere.
    const options = { cwd: source, timeout: BUILD_MS_MAX };
    await run(resolve(opa), ["build", "--bundle", ".", ...target, ...ignored], options);
    const built = readTar(gunzipSync(await readFile(out)));
    return new Map([...servedFiles(built), ...(await featureFile(source))]);
  } catch (thrown) {
    if (thrown instanceof StileError) throw thrown;
    throw new StileError("bundle_invalid", `build ${source}: ${opaWords(thrown)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** OPA adds the Rego source to the bundle; what is served is the module and its data. */
function servedFiles(
  built: ReadonlyMap<string, Uint8Array>,
): readonly (readonly [string, Uint8Array])[] {
  return ["policy.wasm", "data.json", ".manifest"].flatMap((path) => {
    const bytes = built.get(path);
    return bytes === undefined ? [] : [[path, bytes] as const];
  });
}

async function featureFile(source: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  const path = join(source, "features.yaml");
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? [["features.yaml", await readFile(path)]] : [];
}

/** OPA writes what is wrong with a policy to standard output, and what else fails to standard error. */
function opaWords(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const words = ["stderr", "stdout"].map((stream) => {
    const text: unknown = Reflect.get(thrown, stream);
    return typeof text === "string" ? text.trim().replace(/^error: /, "") : "";
  });
  return words.find((text) => text !== "") ?? thrown.message;
}

/**
 * @returns the path of OPA: on PATH, else in `.tools/bin` of the working directory.
 * @throws StileError `unavailable`, saying how to get it.
 */
export async function findOpa(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const folders = [...(env["PATH"] ?? "").split(delimiter), join(process.cwd(), ".tools/bin")];
  for (const folder of folders) {
    const path = join(folder, "opa");
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return path;
  }
  throw new StileError(
    "unavailable",
    "OPA is not on PATH nor in .tools/bin; get it with `GOBIN=$PWD/.tools/bin go install github.com/open-policy-agent/opa@v1.22.2`",
  );
}

/** Writes a built bundle. @throws StileError `bundle_invalid` */
export async function writeBundle(built: BuiltBundle, path: string): Promise<void> {
  try {
    await writeFile(path, built.bytes);
  } catch (cause) {
    throw new StileError("bundle_invalid", `write the bundle ${path}`, { cause });
  }
}
