import { generateSync } from "otplib";
import { describe, expect, it } from "vitest";
import { checkCode, newTotpSecret, otpauthUri, totpStepOf } from "../../src/stepup/totp.ts";
import rfc4226 from "./vectors/rfc4226-hotp.json" with { type: "json" };
import rfc6238 from "./vectors/rfc6238-totp.json" with { type: "json" };

/** RFC 4648, section 6, without padding. */
function base32Of(ascii: string): string {
  const bits = [...Buffer.from(ascii)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => alphabet[Number.parseInt(group.padEnd(5, "0"), 2)])
    .join("");
}

describe("totpStepOf", () => {
  it.each(rfc4226.vectors)("takes the code of RFC 4226 at step $counter", ({ counter, hotp }) => {
    const secret = base32Of(rfc4226.secret_ascii);
    expect(totpStepOf({ secret, code: hotp, nowMs: counter * 30_000 })).toBe(counter);
  });

  const sha1 = rfc6238.vectors.filter((vector) => vector.algorithm === "sha1");
  it.each(sha1)("takes the code of RFC 6238 at second $time", ({ time, secret_ascii, totp, T }) => {
    const secret = base32Of(secret_ascii);
    const code = totp.slice(2); // its codes have eight digits, ours are the last six of them
    expect(totpStepOf({ secret, code, nowMs: time * 1000 })).toBe(Number.parseInt(T, 16));
  });

  const secret = newTotpSecret();
  const nowS = 1_768_478_400; // the first second of a step
  const code = generateSync({ secret, epoch: nowS });

  it.each([
    ["60 s early", -60_000, false],
    ["30 s early", -30_000, true],
    ["1 s early", -1_000, true],
    ["in its first second", 0, true],
    ["in its last second", 29_999, true],
    ["one step late", 30_000, true],
    ["at the end of one step late", 59_999, true],
    ["two steps late", 60_000, false],
  ])("a code given %s passes: %o, %o", (_, offsetMs, passes) => {
    const step = totpStepOf({ secret, code, nowMs: nowS * 1000 + offsetMs });
    expect(step).toBe(passes ? nowS / 30 : undefined);
  });
});

describe("newTotpSecret", () => {
  it("gives 20 bytes in base32, new each time", () => {
    const secrets = new Set(Array.from({ length: 20 }, newTotpSecret));
    expect(secrets.size).toBe(20);
    for (const secret of secrets) expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  });
});

describe("otpauthUri", () => {
  it("names issuer, account and secret as authenticator apps read them", () => {
    const uri = new URL(otpauthUri({ account: "zoë&co@example.com", secret: "GEZDGNBV" }));
    expect(uri.protocol).toBe("otpauth:");
    expect(uri.host).toBe("totp");
    expect(decodeURIComponent(uri.pathname)).toBe("/Stile:zoë&co@example.com");
    expect(uri.searchParams.get("secret")).toBe("GEZDGNBV");
    expect(uri.searchParams.get("issuer")).toBe("Stile");
  });
});

describe("checkCode", () => {
  it("takes six digits", () => {
    expect(() => checkCode("000123", "code")).not.toThrow();
  });

  it.each([
    "",
    "12345",
    "1234567",
    "12345a",
    " 12345",
    "123456\n",
    "１２３４５６",
    "-12345",
    "1e5",
  ])("refuses %j and names the field", (code) => {
    const violations = [expect.objectContaining({ field: "code" })];
    expect(() => checkCode(code, "code")).toThrow(
      expect.objectContaining({ code: "invalid_request", violations }),
    );
  });
});
