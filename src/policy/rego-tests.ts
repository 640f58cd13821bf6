import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";

const run = promisify(execFile);
const TEST_MS_MAX = 120_000;

/** What OPA's own test runner found. */
export interface RegoTests {
  readonly passed: number;
  /** Names of the tests that failed. */
  readonly failed: readonly string[];
  /** Share of the lines that ran, 0 to 100; undefined where a test failed, as OPA then tells none. */
  readonly coveragePercent: number | undefined;
}

/**
 * Runs the Rego tests of a folder by OPA.
 *
 * @param opa path of the OPA program.
 * @throws StileError `bundle_invalid` with OPA's words when the tests cannot run.
 */
export async function runRegoTests(folder: string, opa: string): Promise<RegoTests> {
  const results = await json(opa, ["test", "--bundle", folder, "--format", "json"]);
  if (!Array.isArray(results)) return { passed: 0, failed: [], coveragePercent: undefined };
  const tests = results.filter((result): result is JsonObject => isJsonObject(result));
  const failed = tests.filter((test) => test["fail"] === true || test["error"] !== undefined);
  return {
    passed: tests.length - failed.length,
    failed: failed.map((test) => `${textAt(test, "package")}.${textAt(test, "name")}`),
    coveragePercent: failed.length === 0 ? await coverageOf(folder, opa) : undefined,
  };
}

async function coverageOf(folder: string, opa: string): Promise<number | undefined> {
  const report = await json(opa, ["test", "--bundle", folder, "--format", "json", "--coverage"]);
  const coverage = isJsonObject(report) ? report["coverage"] : undefined;
  return typeof coverage === "number" ? coverage : undefined;
}

function textAt(test: JsonObject, name: string): string {
  const value = test[name];
  return typeof value === "string" ? value : "";
}

/** OPA exits 2 when a test failed, and still prints its report. */
async function json(opa: string, args: readonly string[]): Promise<unknown> {
  let output: string;
  try {
    output = (await run(opa, [...args], { timeout: TEST_MS_MAX, maxBuffer: 64 * 1024 * 1024 }))
      .stdout;
  } catch (thrown) {
    output = outputOf(thrown);
  }
  if (output.trim() === "") return [];
  try {
    return JSON.parse(output);
  } catch {
    throw new StileError("bundle_invalid", `test the policies: ${output.trim()}`);
  }
}

function outputOf(thrown: unknown): string {
  if (thrown instanceof Error && "stdout" in thrown && "stderr" in thrown) {
    const { stdout, stderr } = thrown;
    if (typeof stdout === "string" && stdout.trim() !== "") return stdout;
    throw new StileError("bundle_invalid", `test the policies: ${String(stderr).trim()}`);
  }
  throw new StileError("bundle_invalid", "run OPA", { cause: thrown });
}
