import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Decision, OpenChallenge, StepUpDemand } from "../core/decision.ts";
import { unreachable } from "../core/errors.ts";
import type { Status } from "./gen/google/rpc/status_pb.ts";
import {
  type Challenge,
  ChallengeSchema,
  type DecideResponse,
  DecideResponseSchema,
  Outcome,
  ReceiptSchema,
  type StepUpDemand as StepUpDemandMessage,
  StepUpDemandSchema,
} from "./gen/stile/v1/decision_pb.ts";
import { structFromJson } from "./struct.ts";

/** @returns the response for a decision. */
export function messageFromDecision(decision: Decision): DecideResponse {
  const { receipt } = decision;
  const response = create(DecideResponseSchema, {
    outcome: outcomeOf(decision.kind),
    reasons: decision.reasons.map(({ code, message }) => ({ code, message })),
    obligations: decision.obligations.map(({ id, properties }) => ({
      id,
      properties: structFromJson(properties),
    })),
    decisionId: decision.decisionId,
    policy: { ...decision.policy },
    cost: BigInt(decision.cost),
    requestId: decision.requestId,
  });
  if (decision.kind === "step_up") response.challenge = messageFromChallenge(decision.challenge);
  if (receipt !== undefined) {
    response.receipt = create(ReceiptSchema, {
      instance: receipt.instance,
      sequence: BigInt(receipt.sequence),
      hash: receipt.hash,
    });
  }
  return response;
}

/** @returns a stream's response for a request that has no answer. */
export function messageFromRefusal(requestId: string, error: Status): DecideResponse {
  return create(DecideResponseSchema, { outcome: Outcome.UNSPECIFIED, requestId, error });
}

export function messageFromChallenge(challenge: OpenChallenge): Challenge {
  return create(ChallengeSchema, {
    id: challenge.id,
    demand: messageFromDemand(challenge.demand),
    expiresAt: timestampFromMs(challenge.expiresAtMs),
  });
}

function messageFromDemand(demand: StepUpDemand): StepUpDemandMessage {
  return create(StepUpDemandSchema, {
    amr: [...demand.amr],
    acr: demand.acr,
    maxAge: durationFromMs(demand.maxAgeS * 1000),
    methods: [...demand.methods],
    bind: demand.bind,
    once: demand.once,
  });
}

function outcomeOf(kind: Decision["kind"]): Outcome {
  switch (kind) {
    case "allow":
      return Outcome.ALLOW;
    case "deny":
      return Outcome.DENY;
    case "step_up":
      return Outcome.STEP_UP;
    default:
      return unreachable(kind);
  }
}
