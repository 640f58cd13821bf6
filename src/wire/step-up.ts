import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Action, Entity } from "../core/decision.ts";
import { type FieldViolation, unreachable } from "../core/errors.ts";
import type {
  ChallengeState,
  ChallengeView,
  FactorView,
  IssuedGrant,
  SubjectName,
} from "../core/step-up.ts";
import { checkText, invalidRequest, LIMITS } from "./decision-request.ts";
import { messageFromChallenge } from "./decision-response.ts";
import { ActionSchema, ResourceSchema, SubjectSchema } from "./gen/stile/v1/decision_pb.ts";
import { type ListResponse, ListResponseSchema } from "./gen/stile/v1/factor_pb.ts";
import {
  ChallengeState as ChallengeStateMessage,
  type GetChallengeResponse,
  GetChallengeResponseSchema,
  type VerifyResponse,
  VerifyResponseSchema,
} from "./gen/stile/v1/step_up_pb.ts";
import { structFromJson } from "./struct.ts";

export function messageFromView(view: ChallengeView): GetChallengeResponse {
  return create(GetChallengeResponseSchema, {
    challenge: messageFromChallenge(view.challenge),
    state: messageFromState(view.state),
    subject: create(SubjectSchema, namedFieldsOf(view.subject)),
    action: create(ActionSchema, actionFieldsOf(view.action)),
    resource: create(ResourceSchema, namedFieldsOf(view.resource)),
    reasons: view.reasons.map(({ code, message }) => ({ code, message })),
    context: structFromJson(view.context),
  });
}

export function messageFromGrant(grant: IssuedGrant): VerifyResponse {
  return create(VerifyResponseSchema, {
    grant: grant.token,
    expiresAt: timestampFromMs(grant.expiresAtMs),
    acr: grant.acr,
    amr: [...grant.amr],
  });
}

export function messageFromFactors(factors: readonly FactorView[]): ListResponse {
  return create(ListResponseSchema, {
    factors: factors.map(({ id, method, enrolledAtMs }) => ({
      id,
      method,
      enrolledAt: timestampFromMs(enrolledAtMs),
    })),
  });
}

export function messageFromState(state: ChallengeState): ChallengeStateMessage {
  switch (state) {
    case "open":
      return ChallengeStateMessage.OPEN;
    case "proven":
      return ChallengeStateMessage.PROVEN;
    case "refused":
      return ChallengeStateMessage.REFUSED;
    case "expired":
      return ChallengeStateMessage.EXPIRED;
    default:
      return unreachable(state);
  }
}

function namedFieldsOf(entity: Entity) {
  const { type, id, properties } = entity;
  return properties === undefined
    ? { type, id }
    : { type, id, properties: structFromJson(properties) };
}

function actionFieldsOf(action: Action) {
  const { name, properties } = action;
  return properties === undefined ? { name } : { name, properties: structFromJson(properties) };
}

/** @throws StileError `invalid_request` when a part is empty or too long. */
export function subjectFromFields(message: {
  readonly subjectType: string;
  readonly subjectId: string;
}): SubjectName {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string): void => {
    violations.push({ field, description });
  };
  checkText("subject_type", message.subjectType, LIMITS.typeChars, refuse);
  checkText("subject_id", message.subjectId, LIMITS.idChars, refuse);
  if (violations.length > 0) throw invalidRequest(violations);
  return { type: message.subjectType, id: message.subjectId };
}
