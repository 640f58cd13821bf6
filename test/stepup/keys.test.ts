import { generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { calculateJwkThumbprint } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openFactorKey } from "../../src/stepup/factor-key.ts";
import { openGrantKeys } from "../../src/stepup/grant-keys.ts";
import { makeKeyFile } from "../../src/stepup/key-files.ts";
import { createSecretBox } from "../../src/stepup/secret-box.ts";

const invalid: unknown = expect.objectContaining({ code: "invalid_config" });
let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "stile-keys-")), "keys");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("openGrantKeys", () => {
  it("makes a key at first start that only its owner can read, and takes it from then on", () => {
    const first = openGrantKeys(folder);
    expect(modeOf(folder)).toBe("700");
    expect(readdirSync(folder)).toEqual(["grant-000001.pem"]);
    expect(modeOf(join(folder, "grant-000001.pem"))).toBe("600");
    expect(openGrantKeys(folder).signing.kid).toBe(first.signing.kid);
  });

  it("publishes public keys only, named by their thumbprint", async () => {
    const { keys } = openGrantKeys(folder).jwks();
    expect(keys).toHaveLength(1);
    const [jwk] = keys;
    expect(Object.keys(jwk ?? {}).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    expect(jwk?.kid).toBe(await calculateJwkThumbprint({ ...jwk }, "sha256"));
  });

  it("signs with the newest key and verifies with all", () => {
    const old = openGrantKeys(folder).signing.kid;
    const { privateKey } = generateKeyPairSync("ed25519");
    makeKeyFile(
      folder,
      "grant-000002.pem",
      privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    );
    const keys = openGrantKeys(folder);
    expect(keys.signing.kid).not.toBe(old);
    expect(keys.verifying(old)).toBeDefined();
    expect(keys.jwks().keys.map((jwk) => jwk.kid)).toEqual([keys.signing.kid, old]);
    expect(keys.verifying("another")).toBeUndefined();
  });

  it("refuses a key that others can read", () => {
    openGrantKeys(folder);
    chmodSync(join(folder, "grant-000001.pem"), 0o640);
    expect(() => openGrantKeys(folder)).toThrow(/chmod 600/);
  });

  it.each([
    ["no key", "hello"],
    [
      "a key of another kind",
      generateKeyPairSync("ec", { namedCurve: "P-256" })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
    ],
  ])("refuses a file that holds %s", (_, text) => {
    openGrantKeys(folder);
    makeKeyFile(folder, "grant-000002.pem", text);
    expect(() => openGrantKeys(folder)).toThrow(invalid);
  });

  it("refuses a folder that cannot be made", () => {
    openGrantKeys(folder);
    expect(() => openGrantKeys(join(folder, "grant-000001.pem", "keys"))).toThrow(invalid);
  });
});

describe("makeKeyFile", () => {
  it("never replaces a key, and leaves no draft behind", () => {
    openGrantKeys(folder);
    const before = openGrantKeys(folder).signing.kid;
    expect(makeKeyFile(folder, "grant-000001.pem", "other")).toBe(false);
    expect(openGrantKeys(folder).signing.kid).toBe(before);
    expect(readdirSync(folder)).toEqual(["grant-000001.pem"]);
  });
});

describe("openFactorKey", () => {
  it("makes a key of 32 bytes at first start and takes it from then on", () => {
    const key = openFactorKey({ folder, given: "" });
    expect(key).toHaveLength(32);
    expect(modeOf(join(folder, "factor-key"))).toBe("600");
    expect(openFactorKey({ folder, given: "" })).toEqual(key);
  });

  it("takes the key given, and makes no file", () => {
    const key = Buffer.alloc(32, 1);
    expect(openFactorKey({ folder, given: key.toString("base64") })).toEqual(key);
    expect(existsSync(folder)).toBe(false);
  });

  it.each(["AAAA", "not base64 at all", Buffer.alloc(33).toString("base64")])(
    "refuses %j as a key",
    (given) => {
      expect(() => openFactorKey({ folder, given })).toThrow(invalid);
    },
  );

  it("refuses a damaged file, without showing it", () => {
    openFactorKey({ folder, given: "" });
    writeFileSync(join(folder, "factor-key"), "secret-looking");
    expect(() => openFactorKey({ folder, given: "" })).toThrow(/^(?!.*secret-looking)/);
    expect(() => openFactorKey({ folder, given: "" })).toThrow(invalid);
  });
});

describe("createSecretBox", () => {
  const box = createSecretBox(Buffer.alloc(32, 1));
  const unavailable: unknown = expect.objectContaining({ code: "state_unavailable" });

  it("opens what it sealed, and only in the place it was sealed for", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), fc.string(), (bytes, place, other) => {
        fc.pre(place !== other);
        const secret = Buffer.from(bytes);
        const sealed = box.seal(secret, place);
        expect(box.open(sealed, place)).toEqual(secret);
        expect(() => box.open(sealed, other)).toThrow(unavailable);
      }),
    );
  });

  it("seals the same secret differently each time", () => {
    const secret = Buffer.from("a");
    expect(box.seal(secret, "p")).not.toBe(box.seal(secret, "p"));
  });

  it("opens nothing that was altered in any character", () => {
    const sealed = box.seal(Buffer.from("secret"), "p");
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.constantFrom("A", "b", "0", ".", "~"), (at, by) => {
        const altered = sealed.slice(0, at) + by + sealed.slice(at + 1);
        const same = Buffer.from(altered.split(".")[3] ?? "", "base64url").equals(
          Buffer.from(sealed.split(".")[3] ?? "", "base64url"),
        );
        fc.pre(altered !== sealed && !(same && altered.slice(0, -1) === sealed.slice(0, -1)));
        expect(() => box.open(altered, "p")).toThrow(unavailable);
      }),
    );
  });

  it("tells when another key sealed it", () => {
    const sealed = createSecretBox(Buffer.alloc(32, 2)).seal(Buffer.from("a"), "p");
    expect(() => box.open(sealed, "p")).toThrow(/sealed with factor key [0-9a-f]{16}/);
  });

  it.each(["", "v1", "v1...", "v2.a.b.c", `v1.${"0".repeat(16)}`])("refuses %j", (text) => {
    expect(() => box.open(text, "p")).toThrow(unavailable);
  });
});
