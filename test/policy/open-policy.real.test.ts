import { beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "../../src/core/policy.ts";
import { type Bundle, bundleFromBytes } from "../../src/policy/bundle-reader.ts";
import { type OpenPolicy, openPolicy } from "../../src/policy/open-policy.ts";
import { DEFAULT_LIMITS } from "../../src/policy/wasm-host.ts";
import { requireReal } from "../real/require-real.ts";
import { buildBundle } from "./opa-build.ts";

const REGO = `package stile

default decision := {"decision": "deny", "reasons": [{"code": "default", "message": "no rule allows it"}]}

decision := {"decision": "allow", "reasons": [{"code": "role", "message": "the role allows it"}]} if {
	data.roles[input.subject.id] == "admin"
}

decision := {"decision": "allow", "reasons": [{"code": "conflict", "message": "conflict"}]} if input.conflict
decision := {"decision": "deny", "reasons": [{"code": "conflict", "message": "conflict"}]} if input.conflict

decision := {"decision": "deny", "reasons": [{"code": "echo", "message": "echo"}], "obligations": [{"id": "echo", "value": input.echo}]} if {
	"echo" in object.keys(input)
}

decision := input.raw if "raw" in object.keys(input)

decision := {"decision": "deny", "reasons": [{"code": "size", "message": format_int(count(big), 10)}]} if {
	input.many
	big := {s | some i in numbers.range(1, input.many); some j in numbers.range(1, 1000); s := [i, j]}
}
`;

const opa = await requireReal("opa");

let bundle: Bundle;
let policy: OpenPolicy;

beforeAll(async () => {
  if (!opa.present) return;
  const bytes = await buildBundle({
    rego: REGO,
    data: { roles: { ann: "admin" } },
    revision: "r1",
  });
  bundle = await bundleFromBytes(bytes);
  policy = await openPolicy(bundle, "default");
});

function evaluate(input: string): ReturnType<Policy["evaluate"]> {
  return policy.evaluate(input, "1700000000000000000", "seed");
}

/** @returns the reason's code of a verdict, or the fault. */
function outcome(input: string): string {
  const answer = evaluate(input);
  return answer.kind === "verdict" ? (answer.verdict.reasons[0]?.code ?? "") : answer.fault;
}

describe.skipIf(!opa.present)("an open policy", () => {
  it("names the bundle that it came from", () => {
    expect(policy.ref.name).toBe("default");
    expect(policy.ref.revision).toBe("r1");
    expect(policy.ref.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it.each([
    ["decides by data and input", '{"subject":{"id":"ann"}}', "role"],
    ["falls back to the default rule", '{"subject":{"id":"bob"}}', "default"],
    ["takes an empty input", "{}", "default"],
    ["takes false as an input", "false", "default"],
    ["takes null as an input", "null", "default"],
    ["faults where rules conflict", '{"conflict":true}', "trapped"],
    ["faults where the value has another shape", '{"raw":{"decision":"maybe"}}', "malformed"],
    ["faults where the input is no JSON", "{", "input_rejected"],
    ["faults where the input is empty", "", "input_rejected"],
    ["faults where a set stands for an object", '{"a":{1,2}}', "input_rejected"],
  ])("%s", (_, input, expected) => {
    expect(outcome(input)).toBe(expected);
  });

  it.each([
    ["an integer above 2^53", "9007199254740993"],
    ["more digits than a double has", "0.12345678901234567890123"],
    ["text with NUL", '"a\\u0000b"'],
    ["text beyond the basic plane", '"🔐 Schlüssel 鍵"'],
    ["false", "false"],
    ["an empty text", '""'],
    ["null", "null"],
  ])("keeps %s as it came", (_, echo) => {
    const answer = evaluate(`{"echo":${echo}}`);
    expect(answer.kind === "verdict" ? answer.resultText : answer.cause.message).toContain(
      `"value": ${echo}`,
    );
  });

  it("answers rightly after many aborted evaluations, in the same memory", {
    timeout: 60_000,
  }, () => {
    const before = policy.host.memoryBytes;
    const restarts = policy.host.restartCount;
    const count = Number(process.env["STILE_TEST_ABORTS"] ?? 10_000);
    for (let i = 0; i < count; i += 1) {
      const answer = evaluate('{"conflict":true}');
      if (answer.kind !== "fault" || answer.fault !== "trapped") throw new Error(answer.kind);
    }
    expect(policy.host.restartCount - restarts).toBeGreaterThanOrEqual(count - 1);
    expect(policy.host.memoryBytes).toBe(before);
    expect(outcome('{"subject":{"id":"ann"}}')).toBe("role");
  });

  it("counts the same steps on every run and in every instance", async () => {
    const input = '{"many":3}';
    const { cost } = evaluate(input);
    expect(cost).toBeGreaterThan(3_000);
    evaluate('{"conflict":true}');
    expect(evaluate(input).cost).toBe(cost);
    const other = await openPolicy(bundle, "other");
    expect(other.evaluate(input, "1", "another seed").cost).toBe(cost);
  });

  it("stops an evaluation that takes more steps than it may, and answers the next", async () => {
    const limited = await openPolicy(bundle, "limited", { ...DEFAULT_LIMITS, stepsMax: 100_000 });
    const input = '{"many":1000}';
    for (let i = 0; i < 3; i += 1) {
      expect(limited.evaluate(input, "1", "")).toMatchObject({
        kind: "fault",
        fault: "budget_exceeded",
        cost: 100_000,
      });
      expect(limited.evaluate("{}", "1", "")).toMatchObject({ kind: "verdict" });
    }
  });

  it("takes exactly the steps that it may", async () => {
    const input = '{"many":3}';
    const { cost } = evaluate(input);
    const open = (stepsMax: number): Promise<OpenPolicy> =>
      openPolicy(bundle, "limited", { ...DEFAULT_LIMITS, stepsMax });
    expect((await open(cost)).evaluate(input, "1", "")).toMatchObject({ kind: "verdict", cost });
    expect((await open(cost - 1)).evaluate(input, "1", "")).toMatchObject({
      fault: "budget_exceeded",
    });
  });

  it("stops an evaluation that wants more memory than it may, and answers the next", async () => {
    const limits = { stepsMax: 2_000_000_000, memoryBytesMax: 4 * 1024 * 1024 };
    const limited = await openPolicy(bundle, "limited", limits);
    for (let i = 0; i < 3; i += 1) {
      expect(limited.evaluate('{"many":1000}', "1", "")).toMatchObject({
        kind: "fault",
        fault: "memory_exceeded",
      });
      expect(limited.evaluate("{}", "1", "")).toMatchObject({ kind: "verdict" });
    }
    const tooLong = JSON.stringify({ long: "x".repeat(8 * 1024 * 1024) });
    expect(limited.evaluate(tooLong, "1", "")).toMatchObject({ fault: "memory_exceeded" });
    expect(limited.evaluate("{}", "1", "")).toMatchObject({ kind: "verdict" });
  });

  it("takes an input larger than its memory was, and gives the memory back", async () => {
    const limits = { ...DEFAULT_LIMITS, stepsMax: 2_000_000_000 };
    const roomy = await openPolicy(bundle, "roomy", limits);
    const before = roomy.host.memoryBytes;
    const long = "ü".repeat(20 * 1024 * 1024);
    const answer = roomy.evaluate(JSON.stringify({ subject: { id: "ann" }, long }), "1", "");
    expect(answer).toMatchObject({ verdict: { reasons: [{ code: "role" }] } });
    expect(roomy.host.memoryBytes).toBeGreaterThan(before + 32 * 1024 * 1024);
    expect(roomy.evaluate('{"subject":{"id":"ann"}}', "1", "")).toMatchObject({
      verdict: { reasons: [{ code: "role" }] },
    });
    expect(roomy.host.memoryBytes).toBeLessThanOrEqual(before);
  });

  it("denies what nests deeper than its stack, and answers the next", () => {
    expect(evaluate("[".repeat(1_000_000)).kind).toBe("fault");
    expect(outcome('{"subject":{"id":"ann"}}')).toBe("role");
  });
});
