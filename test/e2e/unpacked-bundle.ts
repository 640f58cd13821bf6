import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { readTar } from "../../src/policy/tar-reader.ts";

/** Writes the files of a bundle into a folder of its own. */
export async function unpackBundle(bundle: string, folder: string): Promise<void> {
  await mkdir(folder);
  for (const [name, bytes] of readTar(gunzipSync(await readFile(bundle)))) {
    await writeFile(path.join(folder, name), bytes);
  }
}
