import path from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "./run-program.ts";

/** A part that tests use as it is in production, instead of a stand-in. */
export type RealPartName = "opa" | "grpcurl" | "kafka" | "compose";

export interface RealPart {
  readonly present: boolean;
  /** The program, or the folder of jars for Kafka. "" when not present. */
  readonly path: string;
}

/** `.tools/` of the project, ignored by git. */
export const toolsDir = path.resolve(import.meta.dirname, "../../.tools");

const script = fileURLToPath(new URL("provision.sh", import.meta.url));

const places: Readonly<Record<RealPartName, string>> = {
  opa: path.join(toolsDir, "bin/opa"),
  grpcurl: path.join(toolsDir, "bin/grpcurl"),
  kafka: path.join(toolsDir, "kafka/4.3.1"),
  compose: path.join(toolsDir, "bin/compose"),
};

/**
 * Finds or installs a real part. Call it at the top of a test file and hand `present` to
 * `describe.skipIf`:
 *
 *     const opa = await requireReal("opa");
 *     describe.skipIf(!opa.present)("the pack under OPA", () => { … opa.path … });
 *
 * Where the part cannot be had, the reason and the command that brings it are printed.
 *
 * @throws Error with `CI=true`, where a skipped part is a failure.
 */
export async function requireReal(name: RealPartName): Promise<RealPart> {
  const result = await runProgram("bash", [script, name], { showStderr: true });
  if (result.code === 0) return { present: true, path: places[name] };

  const why = result.stderr.trim().split("\n").at(-1) ?? "";
  const message = `SKIPPED, real part missing: ${name} (${why}). To bring it: bash test/real/provision.sh ${name}`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(message);
  return { present: false, path: "" };
}
