import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { StileError } from "../core/errors.ts";

const RUN_MS_MAX = 120_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Runs OPA from within a folder, so that the paths in what it says are those of the folder.
 *
 * @param opa path of the OPA program.
 * @param stdin what it reads from standard input.
 * @returns what it printed, parsed; undefined where it printed nothing.
 * @throws StileError `unavailable` when it cannot run, `bundle_invalid` with its words when it
 *   printed no JSON.
 */
export async function runOpaJson(
  opa: string,
  args: readonly string[],
  where: { readonly folder: string; readonly stdin?: string },
): Promise<unknown> {
  const { stdout, stderr } = await output(opa, args, where);
  const text = stdout.trim() === "" ? stderr.trim() : stdout.trim();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new StileError("bundle_invalid", `opa ${args[0] ?? ""}: ${text}`);
  }
}

/** OPA exits with a code above 0 when it found something, and still prints its report. */
function output(
  opa: string,
  args: readonly string[],
  where: { readonly folder: string; readonly stdin?: string },
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const options = { cwd: where.folder, timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolveRun, reject) => {
    const child = execFile(resolve(opa), [...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") {
        reject(new StileError("unavailable", "run OPA", { cause: error }));
      } else resolveRun({ stdout, stderr });
    });
    // A program that ends before it has read its input breaks the pipe; its exit code says why.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(where.stdin ?? "");
  });
}
