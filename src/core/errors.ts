/**
 * What went wrong, for programs. `grpc/status.ts` holds the one table from these to gRPC codes;
 * the CLI prints them beside the message.
 */
export type ErrorCode =
  | "invalid_request"
  | "unknown_policy"
  | "unknown_challenge"
  | "unknown_enrolment"
  | "unknown_factor"
  | "unknown_service"
  | "challenge_closed"
  | "wrong_code"
  | "code_spent"
  | "too_many_tries"
  | "no_factor"
  | "factor_exists"
  | "undeclared_feature"
  | "not_fresh"
  | "bundle_invalid"
  | "invalid_config"
  | "data_dir_in_use"
  | "audit_unavailable"
  | "step_up_unavailable"
  | "state_unavailable"
  | "kafka_unavailable"
  | "overloaded"
  | "shutting_down"
  | "unavailable"
  | "internal";

/** One field of a request that was refused. */
export interface FieldViolation {
  /** Path of the field, such as `subject.id` or `requests[3].context_json`. */
  readonly field: string;
  /** What was wrong and what is accepted. */
  readonly description: string;
}

export interface StileErrorOptions {
  readonly cause?: unknown;
  readonly violations?: readonly FieldViolation[];
}

/**
 * An error with a code to act on. The message tells what was being done and what is accepted;
 * the cause tells why. The message does not repeat the cause: `describeError` prints the chain.
 */
export class StileError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly FieldViolation[];

  constructor(code: ErrorCode, message: string, options: StileErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "StileError";
    this.code = code;
    this.violations = options.violations ?? [];
  }
}

/** @returns the thrown value itself if it is an Error, else an Error whose message is its text. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** @returns a StileError: the value itself, or a new one of `code` caused by it. */
export function asStileError(thrown: unknown, code: ErrorCode, message: string): StileError {
  return thrown instanceof StileError ? thrown : new StileError(code, message, { cause: thrown });
}

/** @returns the messages of an error and its causes on one line, outermost first. */
export function describeError(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (
    let depth = 0;
    depth < CAUSES_TOLD && current !== undefined && current !== null;
    depth += 1
  ) {
    const error = asError(current);
    if (error.message !== "" && error.message !== parts.at(-1)) parts.push(error.message);
    current = error.cause;
  }
  return parts.length === 0 ? String(thrown) : parts.join(": ");
}

/** An error may be its own cause. */
const CAUSES_TOLD = 8;

/** Ends a `switch` over a union, so that the compiler finds the missing case. */
export function unreachable(value: never): never {
  throw new StileError("internal", `unexpected value ${JSON.stringify(value)}`);
}
