import type { Log, LogFields } from "../core/telemetry.ts";

const EVERY_MS = 10_000;
const EVENTS_MAX = 64;

/** Lets each event through once in 10 s, with how many were left out since. */
export class RateLimitedLog {
  readonly #log: Log;
  readonly #events = new Map<string, { untilMs: number; leftOut: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  warn(event: string, fields: LogFields = {}): void {
    const nowMs = performance.now();
    const last = this.#events.get(event);
    if (last !== undefined && nowMs < last.untilMs) {
      last.leftOut += 1;
      return;
    }
    if (last === undefined && this.#events.size >= EVENTS_MAX) return;
    this.#events.set(event, { untilMs: nowMs + EVERY_MS, leftOut: 0 });
    const leftOut = last?.leftOut ?? 0;
    this.#log.warn(event, leftOut === 0 ? fields : { ...fields, left_out: leftOut });
  }
}
