import { describe, expect, it } from "vitest";
import { NO_FACTORS, readSubjectFactors, waitMsOf } from "../../src/stepup/subject-factors.ts";

describe("waitMsOf", () => {
  it.each([
    [0, 0],
    [4, 0],
    [5, 1_000],
    [6, 2_000],
    [10, 32_000],
    [14, 512_000],
    [15, 900_000],
    [100, 900_000],
    [1e9, 900_000],
  ])("after %i wrong codes in a row is %i ms", (wrongInARow, waitMs) => {
    expect(waitMsOf({ ...NO_FACTORS, wrongInARow, lastWrongAtMs: 5_000 }, 5_000)).toBe(waitMs);
    expect(waitMsOf({ ...NO_FACTORS, wrongInARow, lastWrongAtMs: 5_000 }, 5_000 + waitMs)).toBe(0);
  });

  it("is no shorter when the clock goes back", () => {
    const stored = { ...NO_FACTORS, wrongInARow: 5, lastWrongAtMs: 60_000 };
    expect(waitMsOf(stored, 0)).toBe(61_000);
  });
});

describe("readSubjectFactors", () => {
  it.each([
    "",
    "[]",
    "{}",
    '{"factors":{},"wrongInARow":0,"lastWrongAtMs":0}',
    '{"factors":[1],"wrongInARow":0,"lastWrongAtMs":0}',
    '{"factors":[{"id":"a","method":"sms"}],"wrongInARow":0,"lastWrongAtMs":0}',
    '{"factors":[],"wrongInARow":"0","lastWrongAtMs":0}',
  ])("tells that %j is damaged", (text) => {
    expect(() => readSubjectFactors(text)).toThrow(
      expect.objectContaining({ code: "state_unavailable" }),
    );
  });
});
