import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { toolsDir } from "./require-real.ts";
import { runProgram } from "./run-program.ts";

const root = path.resolve(import.meta.dirname, "../..");

/** A part of the sources as JavaScript, for tests that run it in a process of its own. */
export interface Compiled {
  /** URL to import, for a path such as `audit/open-audit.js`. */
  url(file: string): string;
  remove(): void;
}

/** Compiles modules of `src/` and what they import. @param entries such as `audit/open-audit.ts`. */
export async function compileSources(entries: readonly string[]): Promise<Compiled> {
  // Inside the project, so that packages are found.
  const folder = mkdtempSync(path.join(toolsDir, "compiled-"));
  const config = {
    extends: path.join(root, "tsconfig.build.json"),
    compilerOptions: {
      rootDir: path.join(root, "src"),
      outDir: folder,
      incremental: false,
      tsBuildInfoFile: null,
      declaration: false,
    },
    include: [],
    files: entries.map((entry) => path.join(root, "src", entry)),
  };
  const configFile = path.join(folder, "tsconfig.json");
  writeFileSync(configFile, JSON.stringify(config));
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  const result = await runProgram(process.execPath, [
    path.join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    configFile,
  ]);
  if (result.code !== 0) throw new Error(`compile ${entries.join(", ")}: ${result.stdout}`);
  return {
    url: (file) => pathToFileURL(path.join(folder, file)).href,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
