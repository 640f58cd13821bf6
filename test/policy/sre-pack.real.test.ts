import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "../../src/core/policy.ts";
import { type BuiltBundle, buildBundle } from "../../src/policy/bundle-builder.ts";
import { readBundle } from "../../src/policy/bundle-reader.ts";
import { type DecisionRow, readTables, runRow } from "../../src/policy/decision-table.ts";
import { openPolicy } from "../../src/policy/open-policy.ts";
import { runRegoTests } from "../../src/policy/rego-tests.ts";
import { requireReal } from "../real/require-real.ts";

const PACK = join(import.meta.dirname, "../../policies/sre");
const SHIPPED = join(import.meta.dirname, "../../policies/sre.tar.gz");
const opa = await requireReal("opa");
const rows = readTables(join(PACK, "tables"));

describe.skipIf(!opa.present)("the SRE pack", () => {
  let built: BuiltBundle;
  beforeAll(async () => {
    built = await buildBundle(PACK, opa.path);
  });

  it("is shipped as its source builds it", async () => {
    const { digest, revision } = await readBundle(SHIPPED);
    expect({ digest, revision }).toEqual({
      digest: built.bundle.digest,
      revision: built.bundle.revision,
    });
  });

  it("passes its Rego tests, which cover every rule", async () => {
    const tests = await runRegoTests(PACK, opa.path);
    expect(tests).toMatchObject({ failed: [], coveragePercent: 100 });
    expect(tests.passed).toBeGreaterThan(50);
  });
});

describe("the decision tables of the shipped pack", () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await openPolicy(await readBundle(SHIPPED), "test");
  });

  it("have rows for every outcome", () => {
    const outcomes = new Set(rows.map(({ want }) => want.decision));
    expect([...outcomes].sort()).toEqual(["allow", "deny", "step_up"]);
    expect(rows.length).toBeGreaterThan(80);
  });

  it.each(rows)("$file: $name", (row) => {
    expect(runRow(policy, row).differences).toEqual([]);
  });

  it("say what differs in a row that fails", () => {
    const row: DecisionRow = {
      ...firstOf(rows),
      want: { decision: "deny", reasons: ["other"], step_up: { max_age: 1 } },
    };
    const { differences } = runRow(policy, { ...row, request: {}, name: "nothing is asked" });
    expect(differences.map(({ what }) => what)).toContain("reasons");
  });
});

function firstOf(list: readonly DecisionRow[]): DecisionRow {
  const first = list[0];
  if (first === undefined) throw new Error("the tables are empty");
  return first;
}
