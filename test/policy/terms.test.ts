import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareTerms,
  ExactNumber,
  isNumber,
  parseJsonTerm,
  parseTerm,
  RegoObject,
  RegoSet,
  type Term,
  TermSyntaxError,
  termText,
} from "../../src/policy/terms.ts";

const ORDERED: readonly string[] = [
  "null",
  "false",
  "true",
  "-1e400",
  "-2",
  "1e-400",
  "0.5",
  "1",
  "9007199254740993",
  "9007199254740994",
  "1e400",
  '""',
  '"a"',
  '"\ufffd"',
  '"😀"',
  "[]",
  "[1]",
  "[1, 2]",
  "[2]",
  "{}",
  '{"a": 1}',
  '{"a": 2}',
  '{"b": 1}',
  "set()",
  "{1}",
  "{1, 2}",
];

const numberTexts = fc.oneof(
  fc.integer().map(String),
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom("1e400", "1.0", "-0", "0.10", "1E5", "1e-400", "123456789012345678901234567890"),
);

const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: "binary" }),
    numberTexts.map(parseTerm),
    fc.array(tie("term"), { maxLength: 4 }),
    fc.array(tie("term"), { maxLength: 4 }).map((members) => new RegoSet(members)),
    fc
      .array(fc.tuple(tie("term"), tie("term")), { maxLength: 4 })
      .map((entries) => new RegoObject(entries)),
  ),
}));

describe("terms", () => {
  it("are read back from their own text", () => {
    fc.assert(
      fc.property(term, (value) => {
        const text = termText(value);
        expect(termText(parseTerm(text))).toBe(text);
        expect(compareTerms(parseTerm(text), value)).toBe(0);
      }),
    );
  });

  it("keep the digits of every number", () => {
    fc.assert(
      fc.property(numberTexts, (text) => {
        expect(termText(parseTerm(text))).toBe(text);
      }),
    );
  });

  it("are in one total order", () => {
    fc.assert(
      fc.property(term, term, term, (a, b, c) => {
        const ab = Math.sign(compareTerms(a, b));
        expect(Math.sign(compareTerms(b, a))).toBe(ab === 0 ? 0 : -ab);
        expect(compareTerms(a, a)).toBe(0);
        const isChain = ab <= 0 && compareTerms(b, c) <= 0;
        expect(isChain && compareTerms(a, c) > 0).toBe(false);
      }),
    );
  });

  it("are found again in a set and as a key whenever they are equal", () => {
    fc.assert(
      fc.property(term, term, (a, b) => {
        expect(new RegoSet([a]).has(b)).toBe(compareTerms(a, b) === 0);
        expect(new RegoObject([[a, 1]]).has(b)).toBe(compareTerms(a, b) === 0);
      }),
    );
  });

  it.each(ORDERED)("sort as OPA sorts them, up to %s", (last) => {
    const texts = ORDERED.slice(0, ORDERED.indexOf(last) + 1);
    const sorted = texts.toReversed().map(parseTerm).sort(compareTerms);
    expect(sorted.map(termText)).toEqual(texts);
  });

  it.each([
    ["1", "1.0"],
    ["1", "1e0"],
    ["100", "1E2"],
    ["0", "-0"],
    ["0.1", "0.10"],
    ["{1, 1.0}", "{1}"],
    ['{1: "a"}', '{1.0: "a"}'],
  ])("take %s and %s for equal", (a, b) => {
    expect(compareTerms(parseTerm(a), parseTerm(b))).toBe(0);
  });

  it.each([
    ["[1, 2,]", "[1, 2]"],
    ['{"a": 1,}', '{"a": 1}'],
    ["{1,}", "{1}"],
    ["set( )", "set()"],
    ["`a\\b`", '"a\\\\b"'],
    [".5", "0.5"],
    ["5.", "5"],
    ['"\\ud800"', '"\ufffd"'],
    ['{"a": 1, "a": 2}', '{"a": 2}'],
  ])("read what people write: %s", (text, canonical) => {
    expect(termText(parseTerm(text))).toBe(canonical);
  });

  it.each([
    "",
    "[",
    "[1",
    "{",
    '{"a"',
    '{"a":}',
    "nul",
    "1 2",
    '"a',
    "set(1)",
    "{,}",
    "[,]",
    "\u0001",
  ])("refuse %j", (text) => {
    expect(() => parseTerm(text)).toThrow(TermSyntaxError);
  });

  it.each(["[1,]", "{1}", "set()", "{1: 2}", "`a`", ".5", "01", "1."])(
    "refuse %j as JSON",
    (text) => {
      expect(() => parseJsonTerm(text)).toThrow(TermSyntaxError);
    },
  );

  it("refuse what is nested too deeply", () => {
    expect(() => parseTerm("[".repeat(100_000))).toThrow(TermSyntaxError);
  });

  it("keep numbers as JavaScript numbers only where nothing is lost", () => {
    expect(parseTerm("42")).toBe(42);
    expect(parseTerm("0.1")).toBe(0.1);
    expect(parseTerm("9007199254740993")).toEqual(new ExactNumber("9007199254740993"));
    expect(isNumber(parseTerm("1.0"))).toBe(true);
  });
});
