import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import type { FeatureDeclaration } from "../core/features.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { readFeatureFile } from "./feature-file.ts";
import type { Finding } from "./finding.ts";
import { inputSchemaOf } from "./input-schema.ts";
import { runOpaJson } from "./opa-program.ts";
import { memberOf, parseFolder, placeOf } from "./rego-ast.ts";
import { sourceFindings } from "./source-checks.ts";

/**
 * Checks the sources of a policy: that they compile in OPA's strict mode, that the rules fit the
 * input's schema, and what in them is refused, slow or easily wrong.
 *
 * @param opa path of the OPA program.
 * @returns what was found, errors first; empty when there is nothing to say.
 * @throws StileError `bundle_invalid` when features.yaml is wrong, `unavailable` without OPA.
 */
export async function checkFolder(folder: string, opa: string): Promise<readonly Finding[]> {
  const declared = await declaredIn(folder);
  const compiled = await compileFindings(folder, opa, declared);
  // What does not parse has no tree to look at.
  if (compiled.some(({ code }) => code === "rego_parse_error")) return compiled;
  const sources = sourceFindings(await parseFolder(folder, opa), declared);
  const told = new Set(sources.filter(isUndeclared).map(placeText));
  // OPA says of an undeclared feature that it is an undefined reference; ours says what to do.
  const others = compiled.filter((finding) => !told.has(placeText(finding)));
  return [...others, ...sources].sort(byLevelAndPlace);
}

/** @returns the features that a folder declares; none where it has no `features.yaml`. */
export async function declaredIn(folder: string): Promise<readonly FeatureDeclaration[]> {
  const text = await readFile(join(folder, "features.yaml"), "utf8").catch(() => undefined);
  return text === undefined ? [] : readFeatureFile(text);
}

async function compileFindings(
  folder: string,
  opa: string,
  declared: readonly FeatureDeclaration[],
): Promise<readonly Finding[]> {
  const scratch = await mkdtemp(join(tmpdir(), "stile-check-"));
  try {
    const schema = join(scratch, "input.json");
    await writeFile(schema, JSON.stringify(inputSchemaOf(declared)));
    // Tests bend the input on purpose, so the schema does not hold for them.
    const strict = ["check", "--strict", "--bundle", ".", "--format", "json"];
    const typed = [...strict, "--schema", schema, "--ignore", "*_test.rego"];
    const reports = await Promise.all(
      [strict, typed].map(async (args) => runOpaJson(opa, args, { folder })),
    );
    const found = new Map<string, Finding>();
    for (const finding of reports.flatMap((report) => findingsOf(report, folder))) {
      found.set(`${placeText(finding)} ${finding.what}`, finding);
    }
    return [...found.values()];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function findingsOf(report: unknown, folder: string): readonly Finding[] {
  const errors = isJsonObject(report) ? report["errors"] : undefined;
  return Array.isArray(errors)
    ? errors.flatMap((error: JsonValue) => (isJsonObject(error) ? [findingOf(error, folder)] : []))
    : [];
}

function findingOf(error: JsonObject, folder: string): Finding {
  const code = error["code"];
  const message = error["message"];
  const location = memberOf(error, "location");
  const file = memberOf(location, "file");
  const line = memberOf(location, "row");
  const place = placeOf(error);
  const path = place?.file ?? (typeof file === "string" ? file : "");
  return {
    level: "error",
    code: typeof code === "string" ? code : "rego_compile_error",
    file: isAbsolute(path) ? relative(folder, path) : path,
    line: place?.line ?? (typeof line === "number" ? line : 0),
    what: typeof message === "string" ? message : JSON.stringify(error),
    instead: "",
  };
}

function isUndeclared({ code }: Finding): boolean {
  return code === "feature_not_declared";
}

function placeText({ file, line }: Finding): string {
  return `${file}:${line}`;
}

function byLevelAndPlace(a: Finding, b: Finding): number {
  if (a.level !== b.level) return a.level === "error" ? -1 : 1;
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line;
}
