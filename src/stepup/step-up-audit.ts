import { randomUUID } from "node:crypto";
import type { AuditTrail, AuditType } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import { type AuditAck, entityKey, type Receipt } from "../core/decision.ts";
import { StileError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { SubjectName } from "../core/step-up.ts";

/** Records what happens to challenges and factors. No code, secret or token enters. */
export interface StepUpAudit {
  /**
   * Resolves when the record is kept.
   *
   * @param event stable name, such as `proven`; the first member of the record.
   * @throws StileError `audit_unavailable`
   */
  record(
    type: Extract<AuditType, "stile.step_up.v1" | "stile.factor.v1">,
    subject: SubjectName,
    event: string,
    members: JsonObject,
  ): Promise<Receipt>;
}

export function createStepUpAudit(parts: {
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly ack: AuditAck;
}): StepUpAudit {
  const { audit, clock, ack } = parts;
  return {
    record: (type, subject, event, members) =>
      new Promise((resolve, reject) => {
        const draft = {
          id: randomUUID(),
          type,
          timeMs: clock.nowMs(),
          subject: entityKey(subject),
          members: JSON.stringify({ event, ...members }).slice(1, -1),
        };
        audit.append(draft, ack, (outcome) => {
          if (outcome instanceof StileError) reject(outcome);
          else resolve(outcome);
        });
      }),
  };
}
