import { createHash } from "node:crypto";
import type { AuditDraft, AuditTrail, Recorded } from "../../src/core/audit.ts";
import type {
  AuditAck,
  DecisionRequest,
  PolicyVerdict,
  StepUpDemand,
} from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import type { Evaluation, Policies, Policy } from "../../src/core/policy.ts";
import type { Authn, ChallengeAsk } from "../../src/core/step-up.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import type { DecideParts } from "../../src/decide/decide.ts";

export const DEMAND: StepUpDemand = {
  amr: ["otp"],
  acr: "aal2",
  maxAgeS: 300,
  methods: ["totp"],
  bind: "action",
  once: false,
};

export function requestOf(changes: Partial<DecisionRequest> = {}): DecisionRequest {
  return {
    subject: { type: "user", id: "ada", properties: undefined },
    action: { name: "deploy.production", properties: undefined },
    resource: { type: "service", id: "payments", properties: undefined },
    context: {},
    contextText: "{}",
    policy: "",
    grants: [],
    atLeastAsFresh: "",
    requestId: "",
    ...changes,
  };
}

export function verdictOf(changes: Partial<PolicyVerdict> = {}): PolicyVerdict {
  const reasons = [{ code: "because", message: "Because." }];
  return {
    decision: "allow",
    reasons,
    stepUp: undefined,
    obligations: [],
    audit: undefined,
    ...changes,
  };
}

export const STEP_UP = verdictOf({ decision: "step_up", stepUp: DEMAND });

export function evaluationOf(verdict: PolicyVerdict): Evaluation {
  return { kind: "verdict", verdict, resultText: `{"decision":"${verdict.decision}"}`, cost: 7 };
}

/** Keeps drafts in memory; fails while `failure` is set. */
export class FakeTrail implements AuditTrail {
  readonly drafts: AuditDraft[] = [];
  readonly acks: AuditAck[] = [];
  failure: StileError | undefined;

  append(draft: AuditDraft, ack: AuditAck, recorded: Recorded): void {
    const failure = this.failure;
    if (failure !== undefined) {
      queueMicrotask(() => recorded(failure));
      return;
    }
    this.drafts.push(draft);
    this.acks.push(ack);
    const sequence = this.drafts.length;
    const hash = createHash("sha256").update(draft.members).digest();
    queueMicrotask(() => recorded({ instance: "test", sequence, hash }));
  }

  /** The members of each record, parsed. */
  records(): readonly JsonObject[] {
    return this.drafts.map((draft) => objectFromText(`{${draft.members}}`));
  }
}

/** A policy that answers by what it is given and remembers what it was asked. */
export class FakePolicy implements Policy {
  readonly ref = { name: "default", revision: "r1", digest: `sha256:${"a".repeat(64)}` };
  readonly features = [];
  readonly inputs: string[] = [];
  answer: (input: { readonly authn?: unknown }) => Evaluation = () => evaluationOf(verdictOf());

  evaluate(inputText: string): Evaluation {
    this.inputs.push(inputText);
    return this.answer(objectFromText(inputText));
  }
}

export function fakeDecide(changes: Partial<DecideParts> = {}) {
  const policy = new FakePolicy();
  const audit = new FakeTrail();
  const asks: ChallengeAsk[] = [];
  const spent = new Set<string>();
  const authns: Authn[] = [];
  const policies: Policies = {
    current: (name) => (name === "" || name === "default" ? policy : undefined),
    list: () => [{ policy: policy.ref, source: "fake", activatedAtMs: 0, lastError: "" }],
  };
  const parts: DecideParts = {
    policies,
    features: {
      snapshot: () => ({
        featuresText: '{"subject":{"risk_score":0.5}}',
        freshnessText: '{"subject":{"risk_score":{"age_ms":5,"state":"fresh"}}}',
      }),
    },
    isFresh: () => true,
    grants: {
      known: () => true,
      learn: () => Promise.resolve(),
      authn: (_request, _nowMs, without) =>
        authns.find(({ grantId }) => !without.includes(grantId)),
      spend: (grantId) => {
        const won = !spent.has(grantId);
        spent.add(grantId);
        return Promise.resolve(won);
      },
    },
    challenges: {
      open: (ask) => {
        asks.push(ask);
        return Promise.resolve({
          id: `challenge-${asks.length}`,
          demand: ask.demand,
          expiresAtMs: ask.nowMs + 1,
        });
      },
    },
    audit,
    clock: { nowMs: () => 1_764_000_000_000 },
    log: silentLog,
    meter: silentMeter,
    ...changes,
  };
  return { parts, policy, audit, asks, spent, authns };
}

export function authnOf(changes: Partial<Authn> = {}): Authn {
  return {
    acr: "aal2",
    amr: ["otp"],
    authTimeS: 1_763_999_990,
    ageS: 10,
    bind: "action",
    once: false,
    grantId: "g1",
    ...changes,
  };
}

function objectFromText(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new TypeError(`no JSON object: ${text}`);
  return value;
}
