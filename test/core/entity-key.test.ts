import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entityKey } from "../../src/core/decision.ts";

describe("entityKey", () => {
  it("names the plain case plainly", () => {
    expect(entityKey({ type: "user", id: "ada:1%" })).toBe("user:ada:1%");
  });

  it("never gives two entities one name", () => {
    const part = fc.string({
      unit: fc.constantFrom("a", ":", "%", "3", "A", "2", "5"),
      minLength: 1,
    });
    const entity = fc.record({ type: part, id: part });
    fc.assert(
      fc.property(entity, entity, (one, other) => {
        const isSame = one.type === other.type && one.id === other.id;
        expect(entityKey(one) === entityKey(other)).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });
});
