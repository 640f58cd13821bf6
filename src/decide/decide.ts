import { randomUUID } from "node:crypto";
import type { AuditTrail } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import type {
  Decision,
  DecisionRequest,
  OpenChallenge,
  PolicyRef,
  PolicyVerdict,
  Reason,
} from "../core/decision.ts";
import { entityKey } from "../core/decision.ts";
import { asStileError, describeError, StileError } from "../core/errors.ts";
import type { FeatureReader } from "../core/features.ts";
import type { Evaluation, Policies, Policy } from "../core/policy.ts";
import type { Authn, ChallengeOpener, Grants } from "../core/step-up.ts";
import type { Log, Meter } from "../core/telemetry.ts";
import { createDecisionMetrics } from "./decision-metrics.ts";
import { recordMembersOf } from "./decision-record.ts";
import { featureQueryOf, inputTextOf } from "./input-text.ts";

export interface DecideParts {
  readonly policies: Policies;
  readonly features: FeatureReader;
  /** @returns whether the write that a freshness token names is in this replica's state. */
  readonly isFresh: (token: string) => boolean;
  readonly grants: Grants;
  readonly challenges: ChallengeOpener;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Told of each decision after its record is kept; must be cheap and must not throw. */
  readonly decided?: (request: DecisionRequest, decision: Decision, nowMs: number) => void;
}

export interface Decide {
  /**
   * Checks what a door cannot: that the policy exists and the freshness asked for is there.
   *
   * @throws StileError `unknown_policy`, `not_fresh`
   */
  admit(request: DecisionRequest): void;
  /**
   * Decides an admitted request. Calls back exactly once, never throws; what goes wrong on the
   * way is a denial. The evaluation sees one bundle, one snapshot and one instant.
   */
  decide(request: DecisionRequest, answered: (decision: Decision) => void): void;
}

/** What one evaluation read and said. */
interface Evaluated {
  readonly policy: Policy;
  readonly authn: Authn | undefined;
  readonly inputText: string;
  readonly evaluation: Evaluation;
  readonly verdict: PolicyVerdict;
  readonly nowMs: number;
  readonly decisionId: string;
  /** One-use grants found spent before this evaluation. */
  readonly spentGrants: readonly string[];
}

type Answer = (decision: Decision) => void;

export function createDecide(parts: DecideParts): Decide {
  const { policies, features, grants, challenges, audit, clock, log } = parts;
  const metrics = createDecisionMetrics(parts.meter);

  function admit(request: DecisionRequest): void {
    if (policies.current(request.policy) === undefined) {
      const names = policies.list().map((bundle) => bundle.policy.name);
      throw new StileError(
        "unknown_policy",
        `no policy is named "${request.policy}"; there is ${names.join(", ")}`,
      );
    }
    if (request.atLeastAsFresh !== "" && !parts.isFresh(request.atLeastAsFresh)) {
      throw new StileError(
        "not_fresh",
        "the feature write that at_least_as_fresh names is not here yet",
      );
    }
  }

  function decide(request: DecisionRequest, answered: Answer): void {
    if (request.grants.length > 0 && !grants.known(request.grants)) {
      void grants
        .learn(request.grants)
        .then(() => settle(request, evaluate(request, []), answered));
      return;
    }
    settle(request, evaluate(request, []), answered);
  }

  /** Synchronous: nothing can change between the snapshot and the verdict. */
  function evaluate(request: DecisionRequest, spentGrants: readonly string[]): Evaluated {
    const nowMs = clock.nowMs();
    const policy = policies.current(request.policy);
    if (policy === undefined) throw new StileError("internal", "decide was called before admit");
    const nowNs = `${nowMs}000000`;
    const decisionId = randomUUID();
    const authn =
      request.grants.length === 0 ? undefined : grants.authn(request, nowMs, spentGrants);
    const snapshot = features.snapshot(featureQueryOf(request), nowMs);
    const inputText = inputTextOf(request, authn, snapshot, nowNs);
    const started = performance.now();
    const evaluation = policy.evaluate(inputText, nowNs, decisionId);
    metrics.evaluated((performance.now() - started) / 1000);
    const verdict = evaluation.kind === "verdict" ? evaluation.verdict : denialOfFault(evaluation);
    if (evaluation.kind === "fault") {
      metrics.fault(evaluation.fault);
      log.error("policy_fault", {
        fault: evaluation.fault,
        decision_id: decisionId,
        policy: policy.ref.name,
        cause: describeError(evaluation.cause),
      });
    }
    return { policy, authn, inputText, evaluation, verdict, nowMs, decisionId, spentGrants };
  }

  function settle(request: DecisionRequest, evaluated: Evaluated, answered: Answer): void {
    const { verdict, authn } = evaluated;
    if (verdict.decision === "step_up") {
      void openChallenge(request, evaluated, answered);
    } else if (verdict.decision === "allow" && authn?.once === true) {
      void spendGrant(request, evaluated, authn, answered);
    } else {
      record(request, evaluated, verdict, undefined, answered);
    }
  }

  async function openChallenge(
    request: DecisionRequest,
    evaluated: Evaluated,
    answered: Answer,
  ): Promise<void> {
    const { verdict, policy, decisionId, nowMs } = evaluated;
    let challenge: OpenChallenge | undefined;
    let failure: Reason | undefined;
    try {
      if (verdict.stepUp === undefined)
        throw new StileError("internal", "step_up without a demand");
      challenge = await challenges.open({
        request,
        demand: verdict.stepUp,
        reasons: verdict.reasons,
        policy: policy.ref,
        decisionId,
        nowMs,
      });
    } catch (thrown) {
      const error = asStileError(thrown, "step_up_unavailable", "open a challenge");
      log.error("challenge_not_opened", { decision_id: decisionId, cause: describeError(error) });
      failure = {
        code: "step_up_unavailable",
        message: `A proof is needed, and none can be taken: ${error.message}`,
      };
    }
    const settled = failure === undefined ? verdict : denialOf(failure, verdict.reasons);
    record(request, evaluated, settled, challenge, answered);
  }

  /** A one-use grant counts for this allow only if nobody spent it before. */
  async function spendGrant(
    request: DecisionRequest,
    evaluated: Evaluated,
    authn: Authn,
    answered: Answer,
  ): Promise<void> {
    let won = false;
    try {
      won = await grants.spend(authn.grantId, evaluated.nowMs);
    } catch (thrown) {
      const error = asStileError(thrown, "state_unavailable", "spend a one-use grant");
      log.error("grant_not_spent", {
        decision_id: evaluated.decisionId,
        cause: describeError(error),
      });
      const reason = {
        code: "step_up_unavailable",
        message: "The grant can be used once, and that use cannot be recorded now.",
      };
      record(request, evaluated, denialOf(reason, []), undefined, answered);
      return;
    }
    if (won) record(request, evaluated, evaluated.verdict, undefined, answered);
    else {
      // At most once for each grant of the request, which has at most 8.
      const spentGrants = [...evaluated.spentGrants, authn.grantId];
      settle(request, evaluate(request, spentGrants), answered);
    }
  }

  function record(
    request: DecisionRequest,
    evaluated: Evaluated,
    verdict: PolicyVerdict,
    challenge: OpenChallenge | undefined,
    answered: Answer,
  ): void {
    const { policy, evaluation, nowMs, decisionId } = evaluated;
    const answer = {
      reasons: verdict.reasons,
      obligations: verdict.obligations,
      decisionId,
      policy: policy.ref,
      cost: evaluation.cost,
      requestId: request.requestId,
    };
    const kind = verdict.decision;
    const members = recordMembersOf({
      decision: { kind, ...answer },
      request,
      evaluation,
      inputText: evaluated.inputText,
      authn: evaluated.authn,
      challengeId: challenge?.id ?? "",
    });
    const draft = {
      id: decisionId,
      type: "stile.decision.v1",
      timeMs: nowMs,
      subject: entityKey(request.subject),
      members,
    } as const;
    audit.append(draft, verdict.audit ?? "journal", (outcome) => {
      if (outcome instanceof StileError) {
        log.error("decision_not_recorded", {
          decision_id: decisionId,
          cause: describeError(outcome),
        });
        finish(request, unrecorded(answer, policy.ref, outcome), nowMs, answered);
      } else if (kind === "step_up" && challenge !== undefined) {
        finish(request, { kind, ...answer, challenge, receipt: outcome }, nowMs, answered);
      } else {
        finish(
          request,
          { kind: kind === "allow" ? "allow" : "deny", ...answer, receipt: outcome },
          nowMs,
          answered,
        );
      }
    });
  }

  function finish(
    request: DecisionRequest,
    decision: Decision,
    nowMs: number,
    answered: Answer,
  ): void {
    metrics.decided(decision.kind);
    parts.decided?.(request, decision, nowMs);
    answered(decision);
  }

  return { admit, decide };
}

function unrecorded(
  answer: { readonly decisionId: string; readonly cost: number; readonly requestId: string },
  policy: PolicyRef,
  error: StileError,
): Decision {
  const message = `The decision cannot be recorded, so it is not given: ${error.message}`;
  return {
    kind: "deny",
    reasons: [{ code: "audit_unavailable", message }],
    obligations: [],
    decisionId: answer.decisionId,
    policy,
    cost: answer.cost,
    receipt: undefined,
    requestId: answer.requestId,
  };
}

function denialOfFault(evaluation: Evaluation & { readonly kind: "fault" }): PolicyVerdict {
  return denialOf(
    { code: `policy_${evaluation.fault}`, message: FAULT_MESSAGES[evaluation.fault] },
    [],
  );
}

function denialOf(reason: Reason, before: readonly Reason[]): PolicyVerdict {
  return {
    decision: "deny",
    reasons: [reason, ...before],
    stepUp: undefined,
    obligations: [],
    audit: undefined,
  };
}

const FAULT_MESSAGES = {
  undefined: "The policy has no answer for this request.",
  malformed: "The policy's answer is not of the agreed shape.",
  trapped: "The policy stopped with an error.",
  budget_exceeded: "The policy used up its evaluation budget.",
  memory_exceeded: "The policy wanted more memory than it may have.",
  input_rejected: "The policy engine could not read the request.",
} as const;
