import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Decision, DecisionRequest } from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import { type Evaluation, POLICY_FAULTS, type PolicyFault } from "../../src/core/policy.ts";
import { createDecide, type DecideParts } from "../../src/decide/decide.ts";
import {
  authnOf,
  DEMAND,
  evaluationOf,
  fakeDecide,
  requestOf,
  STEP_UP,
  verdictOf,
} from "../fakes/decide-parts.ts";

function ask(parts: DecideParts, request: DecisionRequest = requestOf()): Promise<Decision> {
  return new Promise((resolve) => createDecide(parts).decide(request, resolve));
}

function faultOf(fault: PolicyFault): Evaluation {
  return { kind: "fault", fault, cause: new Error("boom"), cost: 3 };
}

describe("decide", () => {
  it("gives the policy's verdict with the receipt of its record", async () => {
    const { parts, audit } = fakeDecide();
    const decision = await ask(parts, requestOf({ requestId: "r-1" }));
    expect(decision).toMatchObject({ kind: "allow", cost: 7, requestId: "r-1" });
    expect(decision.receipt?.sequence).toBe(1);
    expect(audit.drafts[0]?.id).toBe(decision.decisionId);
  });

  it("records all that the policy read, word for word", async () => {
    const { parts, policy, audit } = fakeDecide();
    const contextText = '{"amount":12345678901234567890,"device_id":"d1"}';
    await ask(parts, requestOf({ contextText, context: { device_id: "d1" } }));
    expect(audit.drafts[0]?.members.endsWith(`"input":${policy.inputs[0]}`)).toBe(true);
    expect(policy.inputs[0]).toContain(contextText);
    expect(audit.records()[0]).toMatchObject({
      outcome: "allow",
      policy: { revision: "r1" },
      result: { decision: "allow" },
      input: { now_ns: 1_764_000_000_000_000_000, features: { subject: { risk_score: 0.5 } } },
    });
  });

  it.each(POLICY_FAULTS)("turns the fault %s into a recorded denial", async (fault) => {
    const { parts, policy, audit } = fakeDecide();
    policy.answer = () => faultOf(fault);
    const decision = await ask(parts);
    expect(decision).toMatchObject({ kind: "deny", reasons: [{ code: `policy_${fault}` }] });
    expect(audit.records()[0]).toMatchObject({
      outcome: "deny",
      fault: { kind: fault, message: "boom" },
    });
  });

  it("denies what it cannot record", async () => {
    const { parts, audit } = fakeDecide();
    audit.failure = new StileError("audit_unavailable", "the journal is full");
    const decision = await ask(parts);
    expect(decision).toMatchObject({ kind: "deny", reasons: [{ code: "audit_unavailable" }] });
    expect(decision.receipt).toBeUndefined();
  });

  it("opens a challenge for a step-up and records its id", async () => {
    const { parts, policy, audit, asks } = fakeDecide();
    policy.answer = () => evaluationOf(STEP_UP);
    const decision = await ask(parts);
    expect(decision).toMatchObject({
      kind: "step_up",
      challenge: { id: "challenge-1", demand: DEMAND },
    });
    expect(asks[0]?.decisionId).toBe(decision.decisionId);
    expect(audit.records()[0]).toMatchObject({ outcome: "step_up", challenge_id: "challenge-1" });
  });

  it("denies a step-up that nobody could prove", async () => {
    const failing = {
      open: () => Promise.reject(new StileError("step_up_unavailable", "the store is away")),
    };
    const { parts, policy, audit } = fakeDecide({ challenges: failing });
    policy.answer = () => evaluationOf(STEP_UP);
    const decision = await ask(parts);
    expect(decision).toMatchObject({
      kind: "deny",
      reasons: [{ code: "step_up_unavailable" }, { code: "because" }],
    });
    expect(audit.records()[0]).toMatchObject({ outcome: "deny" });
  });

  it("passes the audit level that the policy asks for", async () => {
    const { parts, policy, audit } = fakeDecide();
    policy.answer = () => evaluationOf(verdictOf({ audit: "kafka" }));
    await ask(parts);
    expect(audit.acks).toEqual(["kafka"]);
  });

  it("verifies unknown grants before it looks at the clock or the features", async () => {
    const order: string[] = [];
    const { parts, authns } = fakeDecide();
    authns.push(authnOf());
    const grants = {
      ...parts.grants,
      known: () => false,
      learn: async () => {
        await Promise.resolve();
        order.push("learnt");
      },
    };
    const clock = {
      nowMs: () => {
        order.push("clock");
        return 1;
      },
    };
    const decision = await ask({ ...parts, grants, clock }, requestOf({ grants: ["token"] }));
    expect(order).toEqual(["learnt", "clock"]);
    expect(decision.kind).toBe("allow");
  });

  it("lets a one-use grant open one allow, and asks again after that", async () => {
    const { parts, policy, authns } = fakeDecide();
    authns.push(authnOf({ once: true }));
    policy.answer = ({ authn }) => evaluationOf(authn === undefined ? STEP_UP : verdictOf());
    const request = requestOf({ grants: ["token"] });
    const kinds = [(await ask(parts, request)).kind, (await ask(parts, request)).kind];
    expect(kinds).toEqual(["allow", "step_up"]);
  });

  it("opens exactly one allow when a one-use grant is raced", async () => {
    const { parts, policy, authns } = fakeDecide();
    authns.push(authnOf({ once: true }));
    policy.answer = ({ authn }) => evaluationOf(authn === undefined ? STEP_UP : verdictOf());
    const request = requestOf({ grants: ["token"] });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(parts, request)));
    expect(answers.filter(({ kind }) => kind === "allow")).toHaveLength(1);
  });

  it("tries each of several spent one-use grants once", async () => {
    const { parts, policy, authns, spent } = fakeDecide();
    authns.push(authnOf({ once: true, grantId: "g1" }), authnOf({ once: true, grantId: "g2" }));
    spent.add("g1").add("g2");
    policy.answer = ({ authn }) => evaluationOf(authn === undefined ? STEP_UP : verdictOf());
    const decision = await ask(parts, requestOf({ grants: ["t1", "t2"] }));
    expect(decision.kind).toBe("step_up");
    expect(policy.inputs).toHaveLength(3);
  });

  it("does not spend a one-use grant on a denial", async () => {
    const { parts, policy, authns, spent } = fakeDecide();
    authns.push(authnOf({ once: true }));
    policy.answer = () => evaluationOf(verdictOf({ decision: "deny" }));
    await ask(parts, requestOf({ grants: ["token"] }));
    expect([...spent]).toEqual([]);
  });

  it("denies when the use of a one-use grant cannot be recorded", async () => {
    const { parts, authns } = fakeDecide();
    authns.push(authnOf({ once: true }));
    const away = () => Promise.reject(new StileError("state_unavailable", "the store is away"));
    const grants = { ...parts.grants, spend: away };
    const decision = await ask({ ...parts, grants }, requestOf({ grants: ["token"] }));
    expect(decision).toMatchObject({ kind: "deny", reasons: [{ code: "step_up_unavailable" }] });
  });

  it("refuses a policy that is not there, naming those that are", () => {
    const decide = createDecide(fakeDecide().parts);
    expect(() => decide.admit(requestOf({ policy: "nope" }))).toThrow(
      'no policy is named "nope"; there is default',
    );
  });

  it("refuses to decide on older features than were asked for", () => {
    const decide = createDecide(fakeDecide({ isFresh: () => false }).parts);
    expect(() => decide.admit(requestOf({ atLeastAsFresh: "token" }))).toThrow("at_least_as_fresh");
  });

  it("allows only if the policy allowed and the record is kept", async () => {
    const verdicts = fc.constantFrom(
      evaluationOf(verdictOf()),
      evaluationOf(verdictOf({ decision: "deny" })),
      evaluationOf(STEP_UP),
      ...POLICY_FAULTS.map(faultOf),
    );
    await fc.assert(
      fc.asyncProperty(verdicts, fc.boolean(), fc.boolean(), async (evaluation, recorded, once) => {
        const { parts, policy, audit, authns } = fakeDecide();
        if (once) authns.push(authnOf({ once: true }));
        policy.answer = () => evaluation;
        if (!recorded) audit.failure = new StileError("audit_unavailable", "full");
        const decision = await ask(parts, requestOf({ grants: once ? ["token"] : [] }));
        const policyAllowed =
          evaluation.kind === "verdict" && evaluation.verdict.decision === "allow";
        expect(decision.kind === "allow").toBe(policyAllowed && recorded);
        expect(decision.reasons.length).toBeGreaterThan(0);
        expect(audit.drafts).toHaveLength(recorded ? 1 : 0);
      }),
    );
  });
});
