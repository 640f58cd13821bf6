import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wrapped } from "../../../src/cli/demo/day-view.ts";
import { byFrequency } from "../../../src/cli/demo/trail-summary.ts";

const word = fc.stringMatching(/^[a-z]{1,20}$/);

describe("wrapped", () => {
  it("keeps the words and their order, in lines that fit", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.nat(20), (words, indent) => {
        const lines = wrapped(words.join(" "), " ".repeat(indent));
        expect(lines.flatMap((line) => line.trimStart().split(" "))).toEqual(words);
        expect(lines.every((line) => line.length <= 96)).toBe(true);
        expect(lines.every((line) => /^ */.exec(line)?.[0].length === indent)).toBe(true);
      }),
    );
  });

  it("gives a word that is too long a line of its own", () => {
    expect(wrapped(`a ${"b".repeat(120)} c`, "")).toEqual(["a", "b".repeat(120), "c"]);
  });

  it("shows no control characters", () => {
    expect(wrapped("a\u001b[31mb c\u0008d", "")).toEqual(["ab c�d"]);
  });
});

describe("byFrequency", () => {
  it("begins with the most frequent, and of equals with the first", () => {
    expect(byFrequency(["b", "a", "a", "b", "c"])).toEqual(["b", "a", "c"]);
    expect(byFrequency([])).toEqual([]);
  });
});
