import type { AuditRecord } from "./audit-record.ts";

/** Which records are wanted; what is undefined does not matter. */
export interface RecordFilter {
  readonly subject?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: string | undefined;
  /** Code of any of the reasons. */
  readonly reason?: string | undefined;
  /** ms since the Unix epoch, included. */
  readonly sinceMs?: number | undefined;
  /** ms since the Unix epoch, not included. */
  readonly untilMs?: number | undefined;
}

/** @returns whether the record is wanted. */
export function matches(record: AuditRecord, filter: RecordFilter): boolean {
  const { subject, action, outcome, reason } = filter;
  if (subject !== undefined && record.subject !== subject) return false;
  if (action !== undefined && record.action !== action) return false;
  if (outcome !== undefined && record.outcome !== outcome) return false;
  if (reason !== undefined && !record.reasons.some(({ code }) => code === reason)) return false;
  return isWithin(record.timeMs, filter);
}

/** @returns whether an instant lies in the filter's time. */
export function isWithin(
  timeMs: number,
  { sinceMs, untilMs }: Pick<RecordFilter, "sinceMs" | "untilMs">,
): boolean {
  return (
    (sinceMs === undefined || timeMs >= sinceMs) && (untilMs === undefined || timeMs < untilMs)
  );
}
