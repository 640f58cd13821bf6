import { describe, expect, it } from "vitest";
import { asError, asStileError, describeError, StileError } from "../../src/core/errors.ts";

describe("describeError", () => {
  it("tells the chain, outermost first, and nothing twice", () => {
    const inner = new Error("no space left");
    const middle = new Error("no space left", { cause: inner });
    const outer = new StileError("audit_unavailable", "write 3 records", { cause: middle });
    expect(describeError(outer)).toBe("write 3 records: no space left");
  });

  it("ends where an error is its own cause", () => {
    const error = new Error("round");
    error.cause = error;
    expect(describeError(error)).toBe("round");
  });

  it("takes whatever was thrown", () => {
    expect(describeError("text")).toBe("text");
    expect(describeError(undefined)).toBe("undefined");
    expect(asError(7).message).toBe("7");
  });
});

describe("asStileError", () => {
  it("keeps an error that has a code, and gives others one", () => {
    const own = new StileError("not_fresh", "not here yet");
    expect(asStileError(own, "internal", "x")).toBe(own);
    expect(asStileError(new Error("why"), "internal", "what").message).toBe("what");
  });
});
