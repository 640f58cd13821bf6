import { randomBytes } from "node:crypto";
import { StileError } from "../core/errors.ts";
import { makeKeyFile, makeKeyFolder, readKeyFile } from "./key-files.ts";

const KEY_BYTES = 32;
const NAME = "factor-key";

/**
 * Opens the key that factor secrets are sealed with.
 *
 * @param parts.given 32 bytes in base64 from the configuration; "" reads `factor-key` in the
 *   folder, which is made at first start.
 * @throws StileError `invalid_config` for a key of another length, or one that is open to others.
 */
export function openFactorKey(parts: { readonly folder: string; readonly given: string }): Buffer {
  if (parts.given !== "") return readKey(parts.given, "the factor key in the configuration");
  makeKeyFolder(parts.folder);
  makeKeyFile(parts.folder, NAME, `${randomBytes(KEY_BYTES).toString("base64")}\n`);
  return readKey(readKeyFile(parts.folder, NAME).trim(), `the factor key in ${parts.folder}`);
}

function readKey(text: string, where: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== KEY_BYTES || key.toString("base64") !== text) {
    throw new StileError("invalid_config", `${where} is not 32 bytes in base64 (44 characters)`);
  }
  return key;
}
