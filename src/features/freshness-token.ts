import { StileError } from "../core/errors.ts";

/** Names one write to one feature state. Callers pass it on as they got it. */
export interface FreshnessToken {
  /** 12 hex digits, drawn when the state was made. */
  readonly instance: string;
  /** From 1; 0 is before any write. */
  readonly sequence: number;
}

const PATTERN = /^f1\.([0-9a-f]{12})\.(0|[1-9a-z][0-9a-z]{0,9})$/;

export function textFromToken(token: FreshnessToken): string {
  return `f1.${token.instance}.${token.sequence.toString(36)}`;
}

/** @throws StileError `invalid_request` for what no feature write answered with. */
export function tokenFromText(text: string): FreshnessToken {
  const [, instance, digits] = PATTERN.exec(text) ?? [];
  const sequence = digits === undefined ? Number.NaN : Number.parseInt(digits, 36);
  if (instance === undefined || !Number.isSafeInteger(sequence)) {
    const description = "is no freshness token; give the one that a feature write answered with";
    throw new StileError("invalid_request", `at_least_as_fresh ${description}`, {
      violations: [{ field: "at_least_as_fresh", description }],
    });
  }
  return { instance, sequence };
}
