import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { asStileError, type ErrorCode } from "../core/errors.ts";
import { statusBytesFromError, type WireError } from "../wire/error-status.ts";

/** The one table from what went wrong to a gRPC status. */
const GRPC_CODES: Readonly<Record<ErrorCode, status>> = {
  invalid_request: status.INVALID_ARGUMENT,
  undeclared_feature: status.INVALID_ARGUMENT,
  wrong_code: status.INVALID_ARGUMENT,
  unknown_policy: status.NOT_FOUND,
  unknown_challenge: status.NOT_FOUND,
  unknown_enrolment: status.NOT_FOUND,
  unknown_factor: status.NOT_FOUND,
  unknown_service: status.NOT_FOUND,
  challenge_closed: status.FAILED_PRECONDITION,
  code_spent: status.FAILED_PRECONDITION,
  no_factor: status.FAILED_PRECONDITION,
  not_fresh: status.FAILED_PRECONDITION,
  factor_exists: status.ALREADY_EXISTS,
  too_many_tries: status.RESOURCE_EXHAUSTED,
  overloaded: status.RESOURCE_EXHAUSTED,
  audit_unavailable: status.UNAVAILABLE,
  step_up_unavailable: status.UNAVAILABLE,
  state_unavailable: status.UNAVAILABLE,
  kafka_unavailable: status.UNAVAILABLE,
  shutting_down: status.UNAVAILABLE,
  unavailable: status.UNAVAILABLE,
  bundle_invalid: status.FAILED_PRECONDITION,
  invalid_config: status.FAILED_PRECONDITION,
  data_dir_in_use: status.FAILED_PRECONDITION,
  internal: status.INTERNAL,
};

/** What a caller may see of an error: its code and message, never the chain behind it. */
export function wireErrorOf(thrown: unknown): WireError & { readonly code: status } {
  const error = asStileError(thrown, "internal", "the call failed inside Stile");
  return {
    code: GRPC_CODES[error.code],
    message: error.message,
    reason: error.code,
    violations: error.violations,
  };
}

/** @returns the error as grpc-js ends a call with it. */
export function serviceErrorOf(thrown: unknown): ServiceError {
  const wire = wireErrorOf(thrown);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", statusBytesFromError(wire));
  const { code, message: details } = wire;
  return Object.assign(new Error(details), { code, details, metadata });
}
