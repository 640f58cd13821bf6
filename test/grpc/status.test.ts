import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { serviceErrorOf, wireErrorOf } from "../../src/grpc/status.ts";
import { errorFromStatusBytes } from "../../src/wire/error-status.ts";

describe("the status of an error", () => {
  it("carries reason, message and fields in its trailer", () => {
    const violations = [{ field: "subject.id", description: "is empty" }];
    const error = serviceErrorOf(
      new StileError("invalid_request", "subject.id is empty", { violations }),
    );
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: "subject.id is empty" });
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    expect(errorFromStatusBytes(Buffer.from(bytes ?? ""))).toEqual({
      code: status.INVALID_ARGUMENT,
      message: "subject.id is empty",
      reason: "invalid_request",
      violations,
    });
  });

  it("never tells the cause", () => {
    const cause = new Error("password hunter2 refused by db.internal");
    const wire = wireErrorOf(new StileError("state_unavailable", "read a factor", { cause }));
    expect(JSON.stringify(wire)).not.toContain("hunter2");
    expect(wire.code).toBe(status.UNAVAILABLE);
  });

  it.each([new TypeError("x is undefined"), "a string", undefined, null, { code: 0 }])(
    "calls %s internal, and says nothing of it",
    (thrown) => {
      expect(wireErrorOf(thrown)).toEqual({
        code: status.INTERNAL,
        message: "the call failed inside Stile",
        reason: "internal",
        violations: [],
      });
    },
  );
});
