import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { isJsonObject } from "../core/json.ts";
import { replaceFile } from "./replace-file.ts";

const NAME = "instance.json";

/** @returns whose records a data directory holds, or undefined where nothing says so. */
export function readInstance(directory: string): string | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path.join(directory, NAME), "utf8"));
    const instance = isJsonObject(value) ? value["instance"] : undefined;
    return typeof instance === "string" && instance !== "" ? instance : undefined;
  } catch {
    return undefined;
  }
}

/** Writes down whose records a data directory holds. */
export function writeInstance(directory: string, instance: string): void {
  replaceFile(path.join(directory, NAME), `${JSON.stringify({ instance })}\n`);
}

/**
 * An instance numbers its records from 1 without gaps, so a directory that lost its journal
 * becomes a new one.
 */
export function newInstance(): string {
  return randomUUID();
}
