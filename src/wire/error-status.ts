import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldViolation } from "../core/errors.ts";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.ts";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.ts";
import { bufferOf } from "./methods.ts";

/** An error as gRPC carries it. */
export interface WireError {
  /** gRPC status code, 1 to 16. */
  readonly code: number;
  readonly message: string;
  /** Stable reason, such as `invalid_request`. */
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
}

/** @returns google.rpc.Status with ErrorInfo (domain "stile") and, where fields are named, BadRequest. */
export function statusMessageFromError(error: WireError): Status {
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: error.reason, domain: "stile" })),
  ];
  if (error.violations.length > 0) {
    const fieldViolations = error.violations.map(({ field, description }) => ({
      field,
      description,
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  return create(StatusSchema, { code: error.code, message: error.message, details });
}

/** @returns the same as bytes, for the trailer `grpc-status-details-bin`. */
export function statusBytesFromError(error: WireError): Buffer {
  return bufferOf(toBinary(StatusSchema, statusMessageFromError(error)));
}

/** @returns the error that a `grpc-status-details-bin` trailer holds. */
export function errorFromStatusBytes(bytes: Uint8Array): WireError {
  const status = fromBinary(StatusSchema, bytes);
  let reason = "";
  let violations: readonly FieldViolation[] = [];
  for (const detail of status.details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info !== undefined) reason = info.reason;
    const badRequest = anyUnpack(detail, BadRequestSchema);
    if (badRequest !== undefined) {
      violations = badRequest.fieldViolations.map(({ field, description }) => ({
        field,
        description,
      }));
    }
  }
  return { code: status.code, message: status.message, reason, violations };
}
