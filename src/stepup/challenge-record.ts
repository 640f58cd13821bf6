import {
  type Action,
  type DecisionRequest,
  type Entity,
  entityKey,
  type OpenChallenge,
  type Reason,
  type StepUpDemand,
} from "../core/decision.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import type { ChallengeAsk, ChallengeState, SubjectName } from "../core/step-up.ts";
import { boundHash } from "./binding.ts";
import { claimsOf, type GrantClaims, payloadOf } from "./grant-claims.ts";
import { readStored, type StoredFields } from "./stored-fields.ts";

/** `proving`: a right code was spent, and the record of it is not kept yet. */
export type StoredState = ChallengeState | "proving";

/** A challenge as stored. */
export interface ChallengeRecord {
  readonly id: string;
  readonly demand: StepUpDemand;
  readonly expiresAtMs: number;
  readonly state: StoredState;
  /** Codes tried, counted before each is looked at. */
  readonly tries: number;
  readonly subject: SubjectName;
  readonly action: Action;
  readonly resource: Entity;
  readonly context: JsonObject;
  readonly reasons: readonly Reason[];
  readonly decisionId: string;
  /** Name of the policy in the request. */
  readonly policy: string;
  /** See `boundHash`. */
  readonly bound: string;
  /** From `proving` on. The token itself is not stored: signing again gives the same. */
  readonly grant: GrantClaims | undefined;
}

const STATES = ["open", "proving", "proven", "refused", "expired"] as const;
const METHODS = ["totp", "passkey", "approval", "recovery"] as const;
const BINDINGS = ["action", "resource", "session"] as const;
const CONTEXT_MEMBER_CHARACTERS_MAX = 1_024;
const CONTEXT_CHARACTERS_MAX = 4_096;

/** @returns a new open challenge for the ask. @throws StileError `invalid_request` */
export function challengeRecordOf(
  ask: ChallengeAsk,
  parts: { readonly id: string; readonly expiresAtMs: number },
): ChallengeRecord {
  const { request, demand, reasons, decisionId } = ask;
  return {
    ...parts,
    demand,
    state: "open",
    tries: 0,
    subject: { type: request.subject.type, id: request.subject.id },
    action: request.action,
    resource: request.resource,
    context: shownContextOf(request),
    reasons,
    decisionId,
    policy: request.policy,
    bound: boundHash(request, demand.bind),
    grant: undefined,
  };
}

export function challengeKey(id: string): string {
  return `challenge/${id}`;
}

export function openChallengeOf(record: ChallengeRecord): OpenChallenge {
  return { id: record.id, demand: record.demand, expiresAtMs: record.expiresAtMs };
}

/** @returns the state as others see it: a proof that is not recorded is none. */
export function shownState(state: StoredState): ChallengeState {
  return state === "proving" ? "open" : state;
}

/** @returns the members by which audit records of the challenge are found and read. */
export function auditMembersOf(record: ChallengeRecord): Readonly<Record<string, JsonValue>> {
  return {
    challenge_id: record.id,
    decision_id: record.decisionId,
    action: record.action.name,
    resource: entityKey(record.resource),
  };
}

export function challengeText(record: ChallengeRecord): string {
  const from = { issuer: "", audience: "" };
  const grant = record.grant === undefined ? undefined : payloadOf(record.grant, from);
  return JSON.stringify({ ...record, grant });
}

/** @throws StileError `state_unavailable` */
export function readChallenge(text: string): ChallengeRecord {
  const fields = readStored("a record of a challenge", text);
  const demand = fields.fields("demand");
  const subject = fields.fields("subject");
  const action = fields.fields("action");
  const grant = fields.optionalObject("grant");
  return {
    id: fields.text("id"),
    demand: {
      amr: demand.texts("amr"),
      acr: demand.text("acr"),
      maxAgeS: demand.number("maxAgeS"),
      methods: demand.words("methods", METHODS),
      bind: demand.word("bind", BINDINGS),
      once: demand.truth("once"),
    },
    expiresAtMs: fields.number("expiresAtMs"),
    state: fields.word("state", STATES),
    tries: fields.number("tries"),
    subject: { type: subject.text("type"), id: subject.text("id") },
    action: { name: action.text("name"), properties: action.optionalObject("properties") },
    resource: entityOf(fields.fields("resource")),
    context: fields.object("context"),
    reasons: fields.list("reasons").map((reason) => ({
      code: reason.text("code"),
      message: reason.text("message"),
    })),
    decisionId: fields.text("decisionId"),
    policy: fields.text("policy"),
    bound: fields.text("bound"),
    grant: grant === undefined ? undefined : claimsOf(grant),
  };
}

function entityOf(fields: StoredFields): Entity {
  return {
    type: fields.text("type"),
    id: fields.text("id"),
    properties: fields.optionalObject("properties"),
  };
}

/** What a person is shown of the circumstances: whole members, as far as there is room for them. */
function shownContextOf(request: DecisionRequest): JsonObject {
  const shown: Record<string, JsonValue> = {};
  let characters = 0;
  for (const [name, value] of Object.entries(request.context)) {
    const length = name.length + JSON.stringify(value).length;
    if (length > CONTEXT_MEMBER_CHARACTERS_MAX) continue;
    if (characters + length > CONTEXT_CHARACTERS_MAX) break;
    characters += length;
    shown[name] = value;
  }
  return shown;
}
