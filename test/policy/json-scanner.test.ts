import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JSON_DEPTH_MAX, scanJson } from "../../src/policy/json-scanner.ts";

function accepts(bytes: Uint8Array): boolean {
  try {
    scanJson(bytes);
    return true;
  } catch {
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("scanJson", () => {
  it("accepts what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        expect(accepts(Buffer.from(JSON.stringify(JSON.parse(text), null, indent)))).toBe(true);
      }),
    );
  });

  it("accepts exactly what JSON.parse accepts, of texts made of JSON's own signs", () => {
    const sign = fc.constantFrom(
      ...Array.from('[]{},:" \n\t\\/01-+.eEu'),
      ...'true,false,null,\\u00e9,\\n,\u0001,é,{"a":1},[1],1.5e3'.split(","),
    );
    fc.assert(
      fc.property(fc.array(sign, { maxLength: 12 }), (signs) => {
        const text = signs.join("");
        expect(accepts(Buffer.from(text))).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22]), /UTF-8/],
    ["nothing", Buffer.from(""), /ends too early at byte 0/],
    ["two values", Buffer.from("1 2"), /something follows the value at byte 2/],
    ["a key without quotes", Buffer.from("{a:1}"), /expected a key in quotes at byte 1/],
    ["a byte order mark", Buffer.from("\ufeff1"), /expected a value at byte 0/],
  ])("refuses %s and says where", (_, bytes, message) => {
    expect(() => scanJson(bytes)).toThrow(message);
  });

  it("takes many levels, but not any number of them", () => {
    const nested = (levels: number): Buffer => Buffer.from("[".repeat(levels) + "]".repeat(levels));
    expect(accepts(nested(JSON_DEPTH_MAX))).toBe(true);
    expect(accepts(nested(JSON_DEPTH_MAX + 1))).toBe(false);
  });

  it("reports members down to a depth, inner ones first, objects in arrays left out", () => {
    const text = '{"a": {"b": {"c": 1}, "d\\n": [{"e": 2}]}, "f": [3], "g": {}}';
    const seen: [string, string][] = [];
    scanJson(Buffer.from(text), 2, ({ path, start, end }) => {
      seen.push([path.join("/"), text.slice(start, end)]);
    });
    expect(seen).toEqual([
      ["a/b", '{"c": 1}'],
      ["a/d\n", '[{"e": 2}]'],
      ["a", '{"b": {"c": 1}, "d\\n": [{"e": 2}]}'],
      ["f", "[3]"],
      ["g", "{}"],
    ]);
  });
});
