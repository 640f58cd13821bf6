import { describe, expect, it } from "vitest";
import { answerJson, answerLines, exitCodeOf } from "../../src/cli/answer-view.ts";
import { recordLine } from "../../src/cli/record-line.ts";
import type { Answer, Question } from "../../src/client/stile-client.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const question: Question = {
  subject: { type: "user", id: "ada" },
  action: { name: "deploy.production" },
  resource: { type: "service", id: "payments" },
};
const told = {
  reasons: [{ code: "device_unknown", message: "The device was not used before" }],
  obligations: [{ id: "record_incident", properties: { incident: "INC-7" } }],
  decisionId: "d-1",
  policy: { name: "default", revision: "sre-1", digest: `sha256:${"ab".repeat(32)}` },
  cost: 7,
  receipt: { instance: "i", sequence: 5, hash: "00" },
  requestId: "",
};
const challenge = {
  id: "c-1",
  amr: ["otp"],
  acr: "aal2",
  maxAgeS: 300,
  methods: ["totp", "passkey"],
  bind: "action",
  once: false,
  expiresAtMs: Date.parse("2026-07-15T10:05:00Z"),
};
const ANSWERS: readonly Answer[] = [
  { kind: "allow", ...told },
  { kind: "deny", ...told },
  { kind: "step_up", ...told, challenge },
];
const terminal = new FakeTerminal();

describe("an answer", () => {
  it.each([
    ["allow", 0],
    ["deny", 10],
    ["step_up", 11],
  ])("of %s exits %i", (kind, code) => {
    const answer = ANSWERS.find((each) => each.kind === kind);
    expect(answer === undefined ? undefined : exitCodeOf(answer)).toBe(code);
  });

  it.each(ANSWERS)("of $kind is told with its grounds and where it is recorded", (answer) => {
    const lines = answerLines(answer, question, terminal);
    expect(lines[0]).toContain("deploy.production on service:payments for user:ada");
    expect(lines.join("\n")).toMatch(/The device was not used before .*device_unknown/);
    expect(lines.join("\n")).toContain('obliged: record_incident {"incident":"INC-7"}');
    expect(lines.at(-1)).toContain("decision d-1, policy default sre-1 (sha256:abababababab…)");
  });

  it("of a step-up says how and until when it can be proven", () => {
    const [, , step] = ANSWERS;
    const lines = step === undefined ? [] : answerLines(step, question, terminal);
    expect(lines.join("\n")).toContain(
      "challenge c-1: prove it by totp, passkey before 2026-07-15T10:05:00.000Z",
    );
  });

  it.each(ANSWERS)("of $kind is one JSON object in the words of the audit record", (answer) => {
    const json: unknown = JSON.parse(answerJson(answer));
    expect(json).toMatchObject({
      outcome: answer.kind,
      decision_id: "d-1",
      obligations: [{ id: "record_incident", incident: "INC-7" }],
      receipt: { sequence: 5 },
    });
  });

  it("of a step-up names the challenge in that object", () => {
    const json: unknown = JSON.parse(answerJson({ kind: "step_up", ...told, challenge }));
    expect(json).toMatchObject({
      challenge: { id: "c-1", max_age: 300, expires_at: "2026-07-15T10:05:00.000Z" },
    });
  });

  it("cannot draw on the terminal", () => {
    const reasons = [{ code: "c\u001b[2J", message: "m\u0007\u001b]0;owned\u0007" }];
    const lines = answerLines({ kind: "deny", ...told, reasons }, question, terminal);
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });
});

describe("a record", () => {
  it("of a decision is told by outcome, subject, action and first ground", () => {
    const record = {
      type: "stile.decision.v1",
      time: "2026-07-15T10:00:00.000Z",
      subject: "user:ada",
      outcome: "deny",
      reasons: [{ code: "no_role", message: "ada holds no role here" }],
      input: { action: { name: "a" }, resource: { type: "service", id: "payments" } },
    };
    expect(recordLine(JSON.stringify(record), terminal)).toBe(
      "<dim:2026-07-15T10:00:00.000Z>  <red:deny   > user:ada  a on service:payments  <dim:ada holds no role here>",
    );
  });

  it.each(["[]", "{}", '{"type":"stile.decision.v1"}', '{"type":7,"subject":{},"input":[]}'])(
    "that lacks its members is told without failing: %s",
    (text) => {
      expect(recordLine(text, terminal)).toBeTypeOf("string");
    },
  );
});
