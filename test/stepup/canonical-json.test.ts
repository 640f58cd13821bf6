import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/core/json.ts";
import { isJsonObject } from "../../src/core/json.ts";
import { canonicalJson } from "../../src/stepup/canonical-json.ts";

function jsonOf(text: string): JsonValue {
  const holder: unknown = JSON.parse(`{"value":${text}}`);
  return isJsonObject(holder) ? (holder["value"] ?? null) : null;
}

/** A value with the members of each object in another order. */
function turned(value: JsonValue): JsonValue {
  if (isList(value)) return value.map(turned);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).toReversed();
  return Object.fromEntries(members.map(([name, member]) => [name, turned(member)]));
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

describe("canonicalJson", () => {
  it.each<[string, JsonValue, string]>([
    [
      "the members and values of RFC 8785, section 3.2.2",
      {
        // eslint-disable-next-line no-loss-of-precision
        numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
        string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\u002f",
        literals: [null, true, false],
      },
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ],
    [
      "names in the order of RFC 8785, section 3.2.3",
      {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
      },
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
    ["minus zero", -0, "0"],
    [
      "the largest number of RFC 8785, appendix B",
      1.7976931348623157e308,
      "1.7976931348623157e+308",
    ],
    ["the smallest number of RFC 8785, appendix B", 5e-324, "5e-324"],
    ["a number that becomes exponential", 1e21, "1e+21"],
    ["one that does not yet", 999999999999999900000, "999999999999999900000"],
    ["one near zero", 0.000001, "0.000001"],
    ["an empty object and list", [{}, []], "[{},[]]"],
    [
      "a member named as a prototype",
      jsonOf('{"b":1,"__proto__":{"a":2}}'),
      '{"__proto__":{"a":2},"b":1}',
    ],
  ])("writes %s", (_, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it("leaves out members that are undefined", () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it.each<[string, JsonValue]>([
    ["half a surrogate pair in text", "a\udead"],
    ["half a surrogate pair in a name", { "\ud800": 1 }],
    ["a number that is not finite", [Number.POSITIVE_INFINITY]],
    ["what is no number", { a: Number.NaN }],
  ])("refuses %s", (_, value) => {
    expect(() => canonicalJson(value)).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });

  const json = fc.json().map(jsonOf);

  it("does not depend on the order of members", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(turned(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it("changes nothing when done twice", () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(jsonOf(text))).toBe(text);
      }),
    );
  });

  it("keeps the value, so that different values have different text", () => {
    fc.assert(
      fc.property(json, (value) => {
        const kept: unknown = JSON.parse(canonicalJson(value));
        // JSON has no minus zero: both sides go through it once.
        const same: unknown = JSON.parse(JSON.stringify(value));
        expect(isDeepStrictEqual(kept, same)).toBe(true);
      }),
    );
  });
});
