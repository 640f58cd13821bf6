import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plain } from "../../src/cli/terminal.ts";

describe("plain", () => {
  it("leaves nothing that a terminal would obey", () => {
    const nasty = fc.constantFrom(
      "\u001b[31m",
      "\u0007",
      "\r",
      "\n",
      "\u009b1m",
      "\u001b]0;title\u0007",
      "a",
      "ö",
      "漢",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(nasty, fc.string())), (parts) => {
        expect(plain(parts.join(""))).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it("leaves other text as it is", () => {
    expect(plain("Zoë 漢字 🚀 – “x”")).toBe("Zoë 漢字 🚀 – “x”");
  });
});
