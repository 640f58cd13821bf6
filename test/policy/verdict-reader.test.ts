import { describe, expect, it } from "vitest";
import { createVerdictReader, readVerdict } from "../../src/policy/verdict-reader.ts";

const reasons = [{ code: "known", message: "The device is known." }];
const demand = { amr: ["otp"], acr: "mfa", max_age: 300, methods: ["totp"], bind: "action" };

/** A result set as the engine writes it; JSON is Rego term text too. */
function resultSet(value: unknown): string {
  return withText(JSON.stringify(value));
}

function withText(text: string): string {
  return `{{"result": ${text}}}`;
}

describe("readVerdict", () => {
  it("reads a full verdict", () => {
    const value = {
      decision: "step_up",
      reasons,
      step_up: { ...demand, once: true },
      obligations: [{ id: "mask", fields: ["a"], deep: { b: 1 } }],
      audit: "synced",
    };
    expect(readVerdict(resultSet(value))).toEqual({
      kind: "verdict",
      resultText: JSON.stringify(value),
      verdict: {
        decision: "step_up",
        reasons,
        stepUp: {
          amr: ["otp"],
          acr: "mfa",
          maxAgeS: 300,
          methods: ["totp"],
          bind: "action",
          once: true,
        },
        obligations: [{ id: "mask", properties: { fields: ["a"], deep: { b: 1 } } }],
        audit: "synced",
      },
    });
  });

  it.each([["allow"], ["deny"]])("reads the least that %s needs", (decision) => {
    expect(readVerdict(resultSet({ decision, reasons }))).toMatchObject({
      kind: "verdict",
      verdict: { decision, reasons, stepUp: undefined, obligations: [], audit: undefined },
    });
  });

  it("takes a grant for more than one allow where the policy does not say once", () => {
    const reading = readVerdict(resultSet({ decision: "step_up", reasons, step_up: demand }));
    expect(reading).toMatchObject({ verdict: { stepUp: { once: false } } });
  });

  it("keeps the digits of the policy's value in its text", () => {
    const text = `{"decision":"allow","reasons":${JSON.stringify(reasons)},"obligations":[{"id":"a","n":9007199254740993}]}`;
    expect(readVerdict(withText(text))).toMatchObject({ resultText: text });
  });

  it("has sets as arrays in Rego's order, and keys as strings", () => {
    const text =
      '{"decision": "allow", "reasons": {{"message": "b", "code": "b"}, {"code": "a", "message": "a"}}, "obligations": [{"id": "o", "s": {"z", 10, 9, null}, "k": {1: 9007199254740993}, "e": set()}]}';
    expect(readVerdict(withText(text))).toMatchObject({
      verdict: {
        reasons: [
          { code: "a", message: "a" },
          { code: "b", message: "b" },
        ],
        obligations: [{ properties: { s: [null, 9, 10, "z"], e: [] } }],
      },
      resultText: expect.stringContaining('{"1":9007199254740993}') as unknown,
    });
  });

  it("tells undefined from malformed", () => {
    expect(readVerdict("set()")).toMatchObject({ kind: "fault", fault: "undefined" });
  });

  const allow = { decision: "allow", reasons };
  const stepUp = { decision: "step_up", reasons };
  it.each<[string, unknown, RegExp]>([
    ["null", null, /expected object/],
    ["true, as a policy that only says yes", true, /expected object/],
    ["a list", [allow], /expected object/],
    ["no decision", { reasons }, /decision/],
    ["another decision", { decision: "ALLOW", reasons }, /decision/],
    ["no reasons", { decision: "allow" }, /reasons/],
    ["an empty list of reasons", { decision: "allow", reasons: [] }, /reasons/],
    ["a reason without code", { ...allow, reasons: [{ message: "a" }] }, /reasons\.0\.code/],
    ["a reason with an empty message", { ...allow, reasons: [{ code: "a", message: "" }] }, /mess/],
    ["a reason as text", { ...allow, reasons: ["known"] }, /reasons\.0/],
    ["a reason with more", { ...allow, reasons: [{ ...reasons[0], x: 1 }] }, /"x"/],
    ["too many reasons", { ...allow, reasons: Array(33).fill(reasons[0]) }, /reasons/],
    ["a message too long", { ...allow, reasons: [{ code: "a", message: "m".repeat(1001) }] }, /m/],
    ["a member unknown", { ...allow, stepup: demand }, /"stepup"/],
    ["a step-up without its demand", stepUp, /step_up/],
    ["an allow with a demand", { ...allow, step_up: demand }, /step_up/],
    ["a deny with a demand", { ...allow, decision: "deny", step_up: demand }, /step_up/],
    ["a demand of null", { ...allow, step_up: null }, /step_up/],
    ["a demand without methods", { ...stepUp, step_up: { ...demand, methods: [] } }, /methods/],
    ["a method unknown", { ...stepUp, step_up: { ...demand, methods: ["sms"] } }, /methods/],
    ["a binding unknown", { ...stepUp, step_up: { ...demand, bind: "all" } }, /bind/],
    ["a max_age of no time", { ...stepUp, step_up: { ...demand, max_age: 0 } }, /max_age/],
    ["a max_age in parts", { ...stepUp, step_up: { ...demand, max_age: 1.5 } }, /max_age/],
    ["a demand with more", { ...stepUp, step_up: { ...demand, maxAge: 3 } }, /"maxAge"/],
    ["once as text", { ...stepUp, step_up: { ...demand, once: "yes" } }, /once/],
    ["an obligation without id", { ...allow, obligations: [{ a: 1 }] }, /obligations\.0/],
    ["an obligation as text", { ...allow, obligations: ["log"] }, /obligations\.0/],
    [
      "too many obligations",
      { ...allow, obligations: Array.from({ length: 33 }, () => ({ id: "a" })) },
      /obligat/,
    ],
    ["an audit level unknown", { ...allow, audit: "none" }, /audit/],
  ])("refuses %s", (_, value, message) => {
    const reading = readVerdict(resultSet(value));
    expect(reading).toMatchObject({ kind: "fault", fault: "malformed" });
    expect(reading.kind === "fault" ? reading.cause.message : "").toMatch(message);
  });

  it.each([
    ["two results", '{{"result": 1}, {"result": 2}}'],
    ["bindings of another name", '{{"x": {"decision": "allow"}}}'],
    ["no term", withText("{]")],
    ["a result set as JSON", '[{"result":{"decision":"allow"}}]'],
    ["an empty text", ""],
    [
      "a text too long",
      resultSet({ ...allow, obligations: [{ id: "a", b: "c".repeat(262_144) }] }),
    ],
  ])("refuses %s", (_, text) => {
    expect(readVerdict(text)).toMatchObject({ kind: "fault", fault: "malformed" });
  });
});

describe("createVerdictReader", () => {
  it("reads as readVerdict does, the second time as the first", () => {
    const read = createVerdictReader();
    for (const text of [
      resultSet(allowWith("a")),
      resultSet(1),
      "set()",
      resultSet(allowWith("b")),
    ]) {
      expect(read(text)).toEqual(readVerdict(text));
      expect(read(text)).toEqual(readVerdict(text));
    }
  });

  it("still reads rightly after more texts than it remembers", () => {
    const read = createVerdictReader();
    for (let i = 0; i < 2_000; i += 1) {
      const text = resultSet(allowWith(`code_${i % 700}`));
      expect(read(text)).toMatchObject({ verdict: { reasons: [{ code: `code_${i % 700}` }] } });
    }
  });
});

function allowWith(code: string): unknown {
  return { decision: "allow", reasons: [{ code, message: "m" }] };
}
