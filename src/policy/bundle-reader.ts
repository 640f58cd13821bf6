import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { asError, StileError } from "../core/errors.ts";
import type { FeatureDeclaration } from "../core/features.ts";
import { checkManifestRoots, readManifest } from "./bundle-manifest.ts";
import { checkSignature, SIGNATURES_FILE, type SignatureCheck } from "./bundle-signature.ts";
import { readFeatureFile } from "./feature-file.ts";
import { readTar } from "./tar-reader.ts";

const COMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 512 * 1024 * 1024;

/** The files of a bundle that are read. */
export const BUNDLE_FILES = ["policy.wasm", "data.json", ".manifest", "features.yaml"] as const;

/** What a bundle holds, checked as far as it can be without running it. */
export interface Bundle {
  readonly wasm: Uint8Array;
  /** Data document as JSON text; `{}` where the bundle has none. */
  readonly data: Uint8Array;
  readonly features: readonly FeatureDeclaration[];
  /** "" where the manifest has none. */
  readonly revision: string;
  /** `sha256:` and 64 hex digits over policy, data and feature declarations. */
  readonly digest: string;
}

/** Asks for a signature. Without it, a signature that a bundle has is not looked at. */
export interface Signed {
  readonly check: SignatureCheck;
  /** When, ms since the Unix epoch. */
  readonly nowMs: number;
}

/**
 * Reads a bundle as `opa build -t wasm` writes it, from a file, or unpacked in a folder.
 *
 * @throws StileError `bundle_invalid`.
 */
export async function readBundle(path: string, signed?: Signed): Promise<Bundle> {
  const found = await stat(path).catch((error: unknown) => {
    throw new StileError("bundle_invalid", "cannot be read", { cause: error });
  });
  if (found.isDirectory()) return bundleFromFiles(await readFolder(path), signed);
  if (!found.isFile()) throw invalid("neither a file nor a folder");
  return bundleFromBytes(await readBounded(path, COMPRESSED_BYTES_MAX), signed);
}

/**
 * Reads a bundle from the bytes of a tar.gz.
 *
 * @throws StileError `bundle_invalid`.
 */
export async function bundleFromBytes(bytes: Uint8Array, signed?: Signed): Promise<Bundle> {
  if (bytes.length === 0) throw invalid("empty file");
  if (bytes.length > COMPRESSED_BYTES_MAX) throw tooLarge(COMPRESSED_BYTES_MAX);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw invalid("not gzip, expected a tar.gz");
  return bundleFromFiles(readTar(await unpack(bytes)), signed);
}

/**
 * Reads a bundle from its files by path, without leading slashes.
 *
 * @throws StileError `bundle_invalid`.
 */
export function bundleFromFiles(files: ReadonlyMap<string, Uint8Array>, signed?: Signed): Bundle {
  if (signed !== undefined) checkSignature(files, BUNDLE_FILES, signed.check, signed.nowMs);
  const wasm = files.get("policy.wasm");
  if (wasm === undefined) {
    throw invalid("no policy.wasm in it: build it with `stile build`, or `opa build -t wasm`");
  }
  const manifest = readManifest(files.get(".manifest"));
  const data = files.get("data.json") ?? Buffer.from("{}");
  checkData(data, manifest.roots);
  const featureFile = files.get("features.yaml");
  return {
    wasm,
    data,
    features: featureFile === undefined ? [] : readFeatureFile(utf8(featureFile)),
    revision: manifest.revision,
    digest: digestOf([wasm, data, featureFile ?? new Uint8Array()]),
  };
}

const gunzipAsync = promisify(gunzip);

async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await gunzipAsync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX, chunkSize: 262_144 });
  } catch (thrown) {
    const error: NodeJS.ErrnoException = asError(thrown);
    if (error.code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(UNPACKED_BYTES_MAX, " unpacked");
    const what = error.code === "Z_BUF_ERROR" ? "truncated gzip" : "damaged gzip";
    throw new StileError("bundle_invalid", what, { cause: error });
  }
}

async function readFolder(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let left = UNPACKED_BYTES_MAX;
  for (const name of [...BUNDLE_FILES, SIGNATURES_FILE]) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    const bytes = await readBounded(path, left);
    left -= bytes.length;
    files.set(name, bytes);
  }
  return files;
}

async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw tooLarge(bytesMax);
    return await readFile(path);
  } catch (thrown) {
    if (thrown instanceof StileError) throw thrown;
    throw new StileError("bundle_invalid", "cannot be read", { cause: thrown });
  }
}

function checkData(data: Uint8Array, roots: readonly string[]): void {
  try {
    checkManifestRoots(data, roots);
  } catch (thrown) {
    if (thrown instanceof StileError) throw thrown;
    throw new StileError("bundle_invalid", "data.json is not JSON", { cause: thrown });
  }
  if (firstByte(data) !== 0x7b) throw invalid("data.json is not a JSON object");
}

/** Lengths first, so that no byte can move from one part to the next unseen. */
function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(part.length));
    hash.update(length);
  }
  for (const part of parts) hash.update(part);
  return `sha256:${hash.digest("hex")}`;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (thrown) {
    throw new StileError("bundle_invalid", "features.yaml: no valid UTF-8", { cause: thrown });
  }
}

function firstByte(json: Uint8Array): number | undefined {
  return json.find((byte) => byte > 0x20);
}

function tooLarge(bytesMax: number, how = ""): StileError {
  return invalid(`larger than ${bytesMax / (1024 * 1024)} MiB${how}`);
}

function invalid(what: string): StileError {
  return new StileError("bundle_invalid", what);
}
