import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonMembers } from "../../src/core/json-members.ts";

describe("cutting a JSON object into its members", () => {
  it("keeps the text of each member, whatever it holds", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(3), (object, indent) => {
        const members = jsonMembers(JSON.stringify(object, undefined, indent));
        const back = Object.fromEntries(
          [...(members ?? [])].map(([key, text]): [string, unknown] => [key, JSON.parse(text)]),
        );
        expect(back).toEqual(JSON.parse(JSON.stringify(object)));
      }),
    );
  });

  it("keeps digits that a number in memory would lose", () => {
    const text = '{"a":{"n":12345678901234567890.10},"b":[1e400]}';
    expect(jsonMembers(text)?.get("a")).toBe('{"n":12345678901234567890.10}');
    expect(jsonMembers(text)?.get("b")).toBe("[1e400]");
  });

  it.each(["", "[]", '{"a"', '{"a":', '{"a":1', '{"a":"x', '{"a":1,}', "{} x", '{"a":}', "{a:1}"])(
    "takes %j for no object",
    (text) => {
      expect(jsonMembers(text)).toBeUndefined();
    },
  );
});
