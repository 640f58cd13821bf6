import type { Action, Entity } from "../core/decision.ts";
import { describeError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { SubjectName } from "../core/step-up.ts";
import type { Log } from "../core/telemetry.ts";
import type { ChallengeRecord } from "./challenge-record.ts";

/** What others may learn from a challenge: a device becomes known, failures add up. */
export interface StepUpEvent {
  readonly kind: "proven" | "failed" | "refused";
  readonly method: "totp";
  readonly timeMs: number;
  readonly challengeId: string;
  readonly subject: SubjectName;
  readonly action: Action;
  readonly resource: Entity;
  /** Of the request, such as `device_id`, `session_id`, `ip`; very long members are left out. */
  readonly context: JsonObject;
}

export type OnStepUpEvent = (event: StepUpEvent) => void;

/** Tells an event; a listener that throws does not undo what happened. */
export function tellEvent(
  parts: { readonly onEvent: OnStepUpEvent; readonly log: Log },
  record: ChallengeRecord,
  happened: Pick<StepUpEvent, "kind" | "timeMs">,
): void {
  const { id, subject, action, resource, context } = record;
  try {
    parts.onEvent({
      ...happened,
      method: "totp",
      challengeId: id,
      subject,
      action,
      resource,
      context,
    });
  } catch (thrown) {
    parts.log.error("step_up_event_not_taken", { challenge: id, cause: describeError(thrown) });
  }
}
