import { StileError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";

/** What stands under a key. */
export interface Envelope {
  readonly version: number;
  readonly expiresAtMs: number | null;
  readonly value: string;
}

/** @returns the envelope as JSON text. */
export function envelopeText(envelope: Envelope): string {
  return JSON.stringify(envelope);
}

/** @throws StileError `state_unavailable` for text that `envelopeText` did not write. */
export function readEnvelope(text: string): Envelope {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new StileError("state_unavailable", "a stored record is damaged", { cause });
  }
  if (isJsonObject(parsed)) {
    const { version, expiresAtMs, value } = parsed;
    if (
      typeof version === "number" &&
      (expiresAtMs === null || typeof expiresAtMs === "number") &&
      typeof value === "string"
    ) {
      return { version, expiresAtMs, value };
    }
  }
  throw new StileError("state_unavailable", "a stored record is damaged");
}

/** @returns whether the record counts as absent. */
export function isExpired(envelope: Envelope, nowMs: number): boolean {
  return envelope.expiresAtMs !== null && nowMs > envelope.expiresAtMs;
}
