import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { StileError } from "../core/errors.ts";

/**
 * Makes the folder of keys, mode 0700, if it is absent.
 *
 * @throws StileError `invalid_config` when it cannot be made.
 */
export function makeKeyFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new StileError("invalid_config", `make the folder of keys ${folder}`, { cause });
  }
}

/**
 * Writes a new key, mode 0600, on disk when it returns. Of several processes that start at once
 * one makes it; a reader sees the whole file or none.
 *
 * @returns whether this call made it; false when the file was there.
 * @throws StileError `invalid_config` when it cannot be written.
 */
export function makeKeyFile(folder: string, name: string, text: string): boolean {
  const path = join(folder, name);
  const draft = join(folder, `.${name}.${randomBytes(8).toString("hex")}`);
  try {
    const file = openSync(draft, "wx", 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    try {
      linkSync(draft, path);
    } catch (thrown) {
      if (isExisting(thrown)) return false;
      throw thrown;
    } finally {
      unlinkSync(draft);
    }
    syncFolder(folder);
    return true;
  } catch (cause) {
    throw new StileError("invalid_config", `write the key ${path}`, { cause });
  }
}

/**
 * @returns the text of a key file.
 * @throws StileError `invalid_config` when it cannot be read, or when others can read it too.
 */
export function readKeyFile(folder: string, name: string): string {
  const path = join(folder, name);
  let text: string;
  let mode: number;
  try {
    mode = statSync(path).mode & 0o777;
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new StileError("invalid_config", `read the key ${path}`, { cause });
  }
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new StileError(
      "invalid_config",
      `the key ${path} is open to others (mode ${mode.toString(8)}), expected 600: run chmod 600 ${path}`,
    );
  }
  return text;
}

function isExisting(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST";
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
