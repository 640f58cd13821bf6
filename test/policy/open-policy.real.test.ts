import { beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "../../src/core/policy.ts";
import { bundleFromBytes } from "../../src/policy/bundle-reader.ts";
import { type OpenPolicy, openPolicy } from "../../src/policy/open-policy.ts";
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

let policy: OpenPolicy;

beforeAll(async () => {
  if (!opa.present) return;
  const bytes = await buildBundle({
    rego: REGO,
    data: { roles: { ann: "admin" } },
    revision: "r1",
  });
  policy = await openPolicy(await bundleFromBytes(bytes), "default");
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
});
