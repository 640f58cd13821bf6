import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** A program of the tests, built so that a bare Node runs it. */
export interface ChildProgram {
  /** Path of the built file. */
  readonly script: string;
  /** Starts it; what it prints comes line by line. */
  start(args: readonly string[]): RunningChild;
  /** Ends every child still running and removes what was built. */
  remove(): Promise<void>;
}

export interface RunningChild {
  readonly process: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
  readonly ended: Promise<void>;
  /** Writes a line to its standard input. */
  tell(line: string): void;
}

/** Compiles a TypeScript file of the tests with all that it imports. */
export async function buildChild(file: string): Promise<ChildProgram> {
  const root = resolve(import.meta.dirname, "../..");
  mkdirSync(join(root, ".tools"), { recursive: true });
  const outDir = mkdtempSync(join(root, ".tools/child-"));
  const options = ["--ignoreConfig", "--noCheck", "--skipLibCheck", "--types", "node"];
  const shape = ["--target", "es2023", "--module", "nodenext", "--rewriteRelativeImportExtensions"];
  const places = ["--rootDir", root, "--outDir", outDir, join(root, file)];
  const compiler = join(root, "node_modules/.bin/tsc");
  await promisify(execFile)(compiler, [...options, ...shape, ...places], { cwd: root });
  const script = join(outDir, file.replace(/\.ts$/, ".js"));
  const running = new Set<RunningChild>();
  return {
    script,
    start(args) {
      const child = spawn(process.execPath, [script, ...args], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      const ended = new Promise<void>((done) => child.once("close", () => done()));
      child.stdin.on("error", () => undefined);
      const started: RunningChild = {
        process: child,
        lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
        ended,
        tell: (line) => void child.stdin.write(`${line}\n`),
      };
      running.add(started);
      void ended.then(() => running.delete(started));
      return started;
    },
    async remove() {
      for (const child of running) child.process.kill("SIGKILL");
      await Promise.all([...running].map((child) => child.ended));
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

/** @returns the next line a child prints. @throws Error when it ends before. */
export async function nextLine(child: RunningChild): Promise<string> {
  const next = await child.lines.next();
  if (next.done === true) throw new Error("the child ended without printing a line");
  return next.value;
}
