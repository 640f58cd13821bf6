import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { JsonObject } from "../core/json.ts";
import type { DecisionService } from "./gen/stile/v1/decision_pb.ts";
import {
  type Challenge,
  type DecideRequest,
  type DecideResponse,
  Outcome,
} from "./gen/stile/v1/decision_pb.ts";
import type { InputInitOf } from "./methods.ts";
import { structFromJson } from "./struct.ts";

/** A question as a calling service asks it. */
export interface Question {
  readonly subject: {
    readonly type: string;
    readonly id: string;
    readonly properties?: JsonObject;
  };
  readonly action: { readonly name: string; readonly properties?: JsonObject };
  readonly resource: {
    readonly type: string;
    readonly id: string;
    readonly properties?: JsonObject;
  };
  readonly context?: JsonObject;
  /** Name of the policy; the default one if left out. */
  readonly policy?: string;
  /** Tokens earned by step-up. */
  readonly grants?: readonly string[];
  readonly atLeastAsFresh?: string;
  readonly requestId?: string;
}

/** What the caller is told of an open demand for a proof. */
export interface AnswerChallenge {
  readonly id: string;
  readonly amr: readonly string[];
  readonly acr: string;
  readonly maxAgeS: number;
  readonly methods: readonly string[];
  readonly bind: string;
  readonly once: boolean;
  /** ms since the Unix epoch. */
  readonly expiresAtMs: number;
}

interface Told {
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly obligations: readonly { readonly id: string; readonly properties: JsonObject }[];
  readonly decisionId: string;
  readonly policy: { readonly name: string; readonly revision: string; readonly digest: string };
  readonly cost: number;
  readonly receipt:
    | { readonly instance: string; readonly sequence: number; readonly hash: string }
    | undefined;
  readonly requestId: string;
}

/** The answer to a question. Only `allow` permits. */
export type Answer =
  | (Told & { readonly kind: "allow" })
  | (Told & { readonly kind: "deny" })
  | (Told & { readonly kind: "step_up"; readonly challenge: AnswerChallenge });

/** @returns the fields of a DecideRequest, the context in its fast form. */
export function requestFromQuestion(
  question: Question,
): InputInitOf<typeof DecisionService, "decide"> {
  const { subject, action, resource } = question;
  return {
    subject: { type: subject.type, id: subject.id, ...propertiesOf(subject) },
    action: { name: action.name, ...propertiesOf(action) },
    resource: { type: resource.type, id: resource.id, ...propertiesOf(resource) },
    contextJson:
      question.context === undefined ? noBytes : Buffer.from(JSON.stringify(question.context)),
    policy: question.policy ?? "",
    grants: [...(question.grants ?? [])],
    atLeastAsFresh: question.atLeastAsFresh ?? "",
    requestId: question.requestId ?? "",
  } satisfies Partial<Record<keyof DecideRequest, unknown>>;
}

/** @returns the answer; an unset or unknown outcome, or a step-up without a challenge, is a deny. */
export function answerFromMessage(message: DecideResponse): Answer {
  const { receipt, policy } = message;
  const told: Told = {
    reasons: message.reasons.map(({ code, message: text }) => ({ code, message: text })),
    obligations: message.obligations.map(({ id, properties }) => ({
      id,
      properties: properties ?? {},
    })),
    decisionId: message.decisionId,
    policy: {
      name: policy?.name ?? "",
      revision: policy?.revision ?? "",
      digest: policy?.digest ?? "",
    },
    cost: Number(message.cost),
    receipt: receipt && {
      instance: receipt.instance,
      sequence: Number(receipt.sequence),
      hash: Buffer.from(receipt.hash).toString("hex"),
    },
    requestId: message.requestId,
  };
  if (message.error !== undefined) {
    const reason = { code: "refused", message: message.error.message };
    return { kind: "deny", ...told, reasons: [reason] };
  }
  if (message.outcome === Outcome.ALLOW) return { kind: "allow", ...told };
  if (message.outcome === Outcome.STEP_UP && message.challenge !== undefined) {
    return { kind: "step_up", ...told, challenge: challengeOf(message.challenge) };
  }
  return { kind: "deny", ...told };
}

const noBytes = new Uint8Array();

function propertiesOf(entity: { readonly properties?: JsonObject }) {
  return entity.properties === undefined ? {} : { properties: structFromJson(entity.properties) };
}

function challengeOf(challenge: Challenge): AnswerChallenge {
  const { demand } = challenge;
  return {
    id: challenge.id,
    amr: demand?.amr ?? [],
    acr: demand?.acr ?? "",
    maxAgeS: demand?.maxAge === undefined ? 0 : durationMs(demand.maxAge) / 1000,
    methods: demand?.methods ?? [],
    bind: demand?.bind ?? "",
    once: demand?.once ?? false,
    expiresAtMs: challenge.expiresAt === undefined ? 0 : timestampMs(challenge.expiresAt),
  };
}
