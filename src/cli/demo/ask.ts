import type { Answer, Question } from "../../client/stile-client.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Member } from "./team.ts";

/** A thing that happened in a scene. */
export type Moment =
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "answer"; readonly question: Question; readonly answer: Answer }
  | {
      readonly kind: "proof";
      readonly who: string;
      readonly isRight: boolean;
      readonly text: string;
    };

/** What a member asks. */
export interface Ask {
  readonly does: string;
  /** `type:id` */
  readonly on: string;
  /** Of the resource; production if left out. */
  readonly environment?: string;
  readonly params?: JsonObject;
  /** More of the context; `device_id`, `country` and `ip` replace the member's usual ones. */
  readonly context?: JsonObject;
  readonly grants?: readonly string[];
}

/** The answer that a scene is about. */
export interface Want {
  readonly kind: Answer["kind"];
  /** All codes, in any order. */
  readonly because: readonly string[];
}

/** Something went otherwise than the scene tells. */
export class Deviation extends Error {}

export const allowed = (...because: readonly string[]): Want => ({ kind: "allow", because });
export const denied = (...because: readonly string[]): Want => ({ kind: "deny", because });
export const challenged = (...because: readonly string[]): Want => ({ kind: "step_up", because });

/** @returns the question as the service that is used would ask it. */
export function questionOf(who: Member, ask: Ask): Question {
  const cut = ask.on.indexOf(":");
  const properties =
    ask.environment === undefined ? {} : { properties: { environment: ask.environment } };
  return {
    subject: { type: who.type, id: who.id },
    action: { name: ask.does, ...(ask.params === undefined ? {} : { properties: ask.params }) },
    resource: { type: ask.on.slice(0, cut), id: ask.on.slice(cut + 1), ...properties },
    context: {
      ...(who.device === "" ? {} : { device_id: who.device, country: who.country }),
      ip: who.ip,
      ...ask.context,
    },
    grants: ask.grants ?? [],
  };
}

/** @returns what differs; undefined when the answer is as wanted. */
export function deviationOf(answer: Answer, want: Want): string | undefined {
  const got = answer.reasons.map(({ code }) => code).toSorted();
  const wanted = want.because.toSorted();
  if (answer.kind === want.kind && got.join() === wanted.join()) return undefined;
  return `expected ${want.kind} [${wanted.join(", ")}], got ${answer.kind} [${got.join(", ")}]`;
}
