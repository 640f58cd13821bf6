import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkFolder } from "../../src/policy/check-folder.ts";
import type { Finding } from "../../src/policy/finding.ts";
import { requireReal } from "../real/require-real.ts";

const PACK = join(import.meta.dirname, "../../policies/sre");
const opa = await requireReal("opa");

const FEATURES = `features:
  - { entity: subject, name: risk, type: number, max_age_s: 60, made: given }
`;
const READS_RISK = "used if input.features.subject.risk > 1";

/** Checks one module, whose third line is `lines` in the body of the decision. */
async function check(lines: string, rest = READS_RISK): Promise<readonly Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), "stile-check-test-"));
  try {
    const rego = `package stile\ndecision := {"decision": "deny"} if {\n${lines}\n}\n${rest}\n`;
    await writeFile(join(folder, "policy.rego"), rego);
    await writeFile(join(folder, "features.yaml"), FEATURES);
    return await checkFolder(folder, opa.path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const FOUND: readonly (readonly [string, string, "error" | "warn"])[] = [
  ["x == ", "rego_parse_error", "error"],
  ["x == 1", "rego_unsafe_var_error", "error"],
  ["y := 1", "rego_compile_error", "error"],
  ['input.features.subject.risk == "x"', "rego_type_error", "error"],
  ["input.subject.nmae", "rego_type_error", "error"],
  ["input.features.subject.rsik > 1", "feature_not_declared", "error"],
  ['http.send({"url": "x"})', "refused_builtin", "error"],
  ['glob.match(input.context.pattern, [], "x")', "pattern_not_constant", "warn"],
  ['glob.match("a*", [], input.action.name)', "slow_builtin", "warn"],
  [
    "regex.match(data.patterns[input.action.name], input.action.name)",
    "pattern_not_constant",
    "warn",
  ],
  ["time.now_ns() > 0", "host_builtin", "warn"],
  ['sprintf("%s", ["x"]) == "x"', "host_builtin", "warn"],
  ["some role in data.roles; role.name == input.action.name", "scan_of_data", "warn"],
  ["data.roles[_].name == input.action.name", "scan_of_data", "warn"],
  ["every role in data.roles { role.name }", "scan_of_data", "warn"],
  ['not startswith(input.context.ip, "10.")', "absent_input_negated", "warn"],
  ["not input.features.subject.risk > 1", "absent_input_negated", "warn"],
];

describe.skipIf(!opa.present)("stile check", () => {
  it.each(FOUND)("of `%s` says %s at its line, as %s", async (lines, code, level) => {
    const found = await check(lines);
    expect(found).toContainEqual(expect.objectContaining({ code, level, file: "policy.rego" }));
    const lineOf = found.find((finding) => finding.code === code)?.line;
    // A parse error may be told at the line after the one that is cut short.
    expect(code === "rego_parse_error" ? [3, 4] : [3]).toContain(lineOf);
  });

  it.each([
    "data.roles[input.action.name]",
    'regex.match("^a", input.action.name)',
    "not input.context.device_id",
    'not input.context.device_id == "x"',
    'not startswith(input.action.name, "a")',
    'input.freshness.subject.risk.state == "fresh"',
    'input.context.anything.deep == "x"',
  ])("has nothing to say of `%s`", async (lines) => {
    expect(await check(lines)).toEqual([]);
  });

  it("tells of a feature that no rule reads", async () => {
    expect(await check("input.context.x", "")).toMatchObject([
      { level: "warn", code: "feature_never_read", file: "features.yaml" },
    ]);
  });

  it("has no error to tell of the shipped pack", async () => {
    const found = await checkFolder(PACK, opa.path);
    expect(found.filter(({ level }) => level === "error")).toEqual([]);
  });
});
