import { describe, expect, it } from "vitest";
import { newId } from "../../src/stepup/new-id.ts";

describe("newId", () => {
  const ids = Array.from({ length: 5_000 }, newId);

  it("can be given to a command without being taken for an option", () => {
    expect(ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id))).toEqual([]);
  });

  it("does not repeat itself", () => {
    expect(new Set(ids).size).toBe(ids.length);
  });
});
