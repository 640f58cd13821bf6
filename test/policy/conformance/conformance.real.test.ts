import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evalLine } from "../../../src/policy/eval-lines.ts";
import { termText } from "../../../src/policy/terms.ts";
import { requireReal } from "../../real/require-real.ts";
import {
  type ConformanceCase,
  casesArePresent,
  casesDir,
  readCases,
  readKnownFailures,
} from "./cases.ts";
import { type CompiledCases, compiledCases } from "./compiled-cases.ts";
import { complaint } from "./verdict.ts";

const opa = await requireReal("opa");
if (!casesArePresent) console.warn(`SKIPPED, OPA's conformance cases are not at ${casesDir}`);

const topics = casesArePresent ? readCases() : new Map<string, readonly ConformanceCase[]>();
const known = readKnownFailures();

describe.skipIf(!casesArePresent || !opa.present)("OPA's own cases", () => {
  let compiled: CompiledCases;
  const passedByTopic = new Map<string, number>();

  beforeAll(async () => {
    compiled = await compiledCases();
  }, 600_000);

  afterAll(() => {
    compiled.close();
    report(passedByTopic);
  });

  it.each([...topics])("answers %s as OPA does", (topic, cases) => {
    const surprises: string[] = [];
    let passedCount = 0;
    for (const each of cases) {
      const wrong = complaint(each, answerTo(each, compiled));
      if (wrong === "") passedCount++;
      const reason = known.get(each.id);
      if (wrong !== "" && reason === undefined) surprises.push(`${each.id} ${each.note}: ${wrong}`);
      if (wrong === "" && reason !== undefined) {
        surprises.push(`${each.id} ${each.note} passes, though it is listed: ${reason}`);
      }
    }
    passedByTopic.set(topic, passedCount);
    expect(surprises).toEqual([]);
  });

  it("lists only cases that there are as known failures", () => {
    const ids = new Set([...topics.values()].flat().map(({ id }) => id));
    expect([...known.keys()].filter((id) => !ids.has(id))).toEqual([]);
  });
});

/** Asks in the way that people outside ask. */
function answerTo(each: ConformanceCase, compiled: CompiledCases): string {
  const module = compiled.moduleOf(each.id);
  if ("error" in module) return JSON.stringify({ error: module.error });
  const members = [
    `"id":${JSON.stringify(each.id)}`,
    `"wasm":"${module.wasm.toString("base64")}"`,
    `"entrypoint":"eval"`,
    `"data":${termText(each.data)}`,
  ];
  if (each.inputTerm !== undefined) members.push(`"input_term":${JSON.stringify(each.inputTerm)}`);
  return evalLine(`{${members.join(",")}}`);
}

function report(passedByTopic: ReadonlyMap<string, number>): void {
  const rows = [...topics].map(([topic, cases]) => {
    return { topic, passed: passedByTopic.get(topic) ?? 0, count: cases.length };
  });
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const lacking = rows.filter((row) => row.passed < row.count);
  const percent = ((100 * passed) / count).toFixed(2);
  const rest = lacking.map(({ topic, passed, count }) => `  ${topic}: ${passed} of ${count}`);
  console.log([`${passed} of ${count} cases pass (${percent} %)`, ...rest].join("\n"));
}
