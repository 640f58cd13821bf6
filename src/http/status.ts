import { asStileError, type ErrorCode, type FieldViolation } from "../core/errors.ts";

/** The statuses that the routes answer by. */
export type HttpStatus = 200 | 400 | 404 | 405 | 409 | 410 | 413 | 415 | 429 | 500 | 501 | 503;

/** The one table from what went wrong to an HTTP status. */
const HTTP_STATUSES: Readonly<Record<ErrorCode, HttpStatus>> = {
  invalid_request: 400,
  undeclared_feature: 400,
  wrong_code: 400,
  unknown_policy: 404,
  unknown_challenge: 404,
  unknown_enrolment: 404,
  unknown_factor: 404,
  unknown_service: 404,
  challenge_closed: 409,
  code_spent: 409,
  no_factor: 409,
  not_fresh: 409,
  factor_exists: 409,
  too_many_tries: 429,
  overloaded: 503,
  audit_unavailable: 503,
  step_up_unavailable: 503,
  state_unavailable: 503,
  kafka_unavailable: 503,
  shutting_down: 503,
  unavailable: 503,
  bundle_invalid: 503,
  invalid_config: 503,
  data_dir_in_use: 503,
  internal: 500,
};

/** A request that is refused for how it was sent, before anybody looks at what it says. */
export class HttpRefusal extends Error {
  readonly status: HttpStatus;
  readonly code: string;

  constructor(status: HttpStatus, code: string, message: string) {
    super(message);
    this.name = "HttpRefusal";
    this.status = status;
    this.code = code;
  }
}

/** What a caller may see of an error. */
export interface HttpError {
  readonly status: HttpStatus;
  readonly code: string;
  readonly message: string;
  readonly violations: readonly FieldViolation[];
}

/** @returns what a caller may see of it: code and message, never the chain behind it. */
export function httpErrorOf(thrown: unknown): HttpError {
  if (thrown instanceof HttpRefusal) {
    const { status, code, message } = thrown;
    return { status, code, message, violations: [] };
  }
  const { code, message, violations } = asStileError(
    thrown,
    "internal",
    "the request failed inside Stile",
  );
  return { status: HTTP_STATUSES[code], code, message, violations };
}
