import type { AuditEntry } from "../core/audit.ts";
import { StileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { messageFromEntry } from "../wire/audit.ts";
import type { TailRequest } from "../wire/messages.ts";
import { type LiveStreams, serverStream } from "./handlers.ts";

export const TAIL_LAST_MAX = 10_000;

/** Reads the trail of this instance. */
export interface AuditReader {
  /**
   * Yields the last `last` entries, then, when following, entries as they are written, until the
   * signal aborts.
   */
  tail(options: {
    readonly last: number;
    readonly follow: boolean;
    readonly signal: AbortSignal;
  }): AsyncIterable<readonly AuditEntry[]>;
}

/** The handlers of stile.v1.AuditService. */
export function auditHandlers(parts: {
  readonly reader: AuditReader;
  readonly live: LiveStreams;
  readonly log: Log;
}) {
  const { reader, live, log } = parts;
  return {
    tail: serverStream(log, live, async function* (request: TailRequest, signal) {
      const { last, follow, subject } = request;
      if (last > TAIL_LAST_MAX) {
        const description = `is ${last}; at most ${TAIL_LAST_MAX} are accepted`;
        throw new StileError("invalid_request", `last ${description}`, {
          violations: [{ field: "last", description }],
        });
      }
      for await (const entries of reader.tail({ last, follow, signal })) {
        for (const entry of entries) {
          if (subject === "" || entry.subject === subject) yield messageFromEntry(entry);
        }
      }
    }),
  };
}
