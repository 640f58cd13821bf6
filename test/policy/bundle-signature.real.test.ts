import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { type Bundle, bundleFromFiles, readBundle } from "../../src/policy/bundle-reader.ts";
import type { SignatureCheck } from "../../src/policy/bundle-signature.ts";
import type { SignatureAlgorithm } from "../../src/policy/signature-algorithms.ts";
import { runOpa } from "../real/opa.ts";
import { requireReal } from "../real/require-real.ts";

const NOW_MS = 1_700_000_000_000;

const FILES = {
  "policy.wasm": "\0asm",
  "data.json":
    '{ "b": [1.0, 1e3, 12345678901234567890, true, null], "a": {"<ü&\\u2028\\u0007\\b>": "\\ud83d\\udd10"}, "é": 1, "z": {} }',
  ".manifest": '{"revision":"r1","roots":[""]}',
  "features.yaml": "features: []\n",
};

const opa = await requireReal("opa");

describe.skipIf(!opa.present)("a bundle signed by OPA", () => {
  let folder: string;
  let signing: Record<"RS256" | "PS384" | "ES256" | "HS512", { sign: string; verify: string }>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "stile-signed-"));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    const rsa = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const ec = ecKeys();
    const secret = "a secret for tests, long enough for an HMAC with SHA-512 to be of use";
    signing = {
      RS256: { sign: rsa.privateKey, verify: rsa.publicKey },
      PS384: { sign: rsa.privateKey, verify: rsa.publicKey },
      ES256: { sign: ec.privateKey, verify: ec.publicKey },
      HS512: { sign: secret, verify: secret },
    };
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Signs the files. @returns them with the signature. */
  async function signed(
    algorithm: keyof typeof signing,
    claims: object = {},
    names: readonly string[] = Object.keys(FILES),
  ): Promise<Map<string, Uint8Array>> {
    const outside = await mkdtemp(join(tmpdir(), "stile-signing-"));
    try {
      await writeFile(join(outside, "key.pem"), signing[algorithm].sign);
      await writeFile(join(outside, "claims.json"), JSON.stringify(claims));
      await rm(join(folder, ".signatures.json"), { force: true });
      const result = await runOpa(
        [
          "sign",
          `--signing-key=${join(outside, "key.pem")}`,
          `--signing-alg=${algorithm}`,
          `--claims-file=${join(outside, "claims.json")}`,
          "--bundle",
          ".",
        ],
        // The names in the signature are the paths as given.
        { cwd: folder },
      );
      if (result.code !== 0) throw new Error(result.stderr);
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
    return new Map(
      await Promise.all(
        [...names, ".signatures.json"].map(
          async (name) => [name, await readFile(join(folder, name))] as const,
        ),
      ),
    );
  }

  function checkFor(algorithm: keyof typeof signing, change: Partial<SignatureCheck> = {}) {
    const key = { algorithm: algorithm as SignatureAlgorithm, key: signing[algorithm].verify };
    return { keys: new Map([["ours", key]]), keyId: "", scope: "", ...change };
  }

  function refusal(files: ReadonlyMap<string, Uint8Array>, check: SignatureCheck): string {
    try {
      bundleFromFiles(files, { check, nowMs: NOW_MS });
    } catch (thrown) {
      if (thrown instanceof StileError && thrown.code === "bundle_invalid") return thrown.message;
      throw thrown;
    }
    return "";
  }

  it.each(["RS256", "PS384", "ES256", "HS512"] as const)("is taken: %s", async (algorithm) => {
    expect(refusal(await signed(algorithm), checkFor(algorithm))).toBe("");
  });

  it("is taken from a folder too", async () => {
    await signed("ES256");
    const bundle: Bundle = await readBundle(folder, { check: checkFor("ES256"), nowMs: NOW_MS });
    expect(bundle.revision).toBe("r1");
  });

  it("is taken with the scope, the times and the key that it names", async () => {
    const claims = { scope: "production", keyid: "ours", exp: 1_700_000_001, nbf: 1_700_000_000 };
    const files = await signed("ES256", claims);
    expect(refusal(files, checkFor("ES256", { scope: "production" }))).toBe("");
    expect(refusal(files, checkFor("ES256", { scope: "test" }))).toMatch(/scope is "production"/);
    expect(refusal(files, checkFor("ES256"))).toMatch(/scope is "production", expected ""/);
  });

  it.each([
    ["expired", { exp: 1_699_999_999 }, /expired/],
    ["not valid yet", { nbf: 1_700_000_001 }, /not valid yet/],
    ["of an unknown key", { keyid: "theirs" }, /key "theirs" is not known/],
  ])("is refused when it is %s", async (_, claims, message) => {
    expect(refusal(await signed("ES256", claims), checkFor("ES256"))).toMatch(message);
  });

  it("is refused by another key of the same kind", async () => {
    const other = ecKeys().publicKey;
    const keys = new Map([["ours", { algorithm: "ES256", key: other } as const]]);
    expect(refusal(await signed("ES256"), checkFor("ES256", { keys }))).toMatch(/wrong for key/);
  });

  it("is refused by a key of another kind, and by one that is none", async () => {
    const files = await signed("ES256");
    expect(refusal(files, checkFor("RS256"))).toMatch(/algorithm is ES256/);
    const keys = new Map([["ours", { algorithm: "ES256", key: "no key" } as const]]);
    expect(refusal(files, checkFor("ES256", { keys }))).toMatch(/wrong for key/);
  });

  it("does not take a public key for the secret of an HMAC", async () => {
    const secret = signing.HS512;
    signing.HS512 = { sign: signing.RS256.verify, verify: signing.RS256.verify };
    const files = await signed("HS512");
    signing.HS512 = secret;
    expect(refusal(files, checkFor("RS256"))).toMatch(/algorithm is HS512/);
  });

  it.each(Object.keys(FILES))("is refused when %s was changed after signing", async (name) => {
    const files = await signed("ES256");
    files.set(name, Buffer.from(name === "data.json" || name === ".manifest" ? "{}" : "changed"));
    expect(refusal(files, checkFor("ES256"))).toMatch(`${name} is not what was signed`);
  });

  it("is refused when a file was taken away, or added", async () => {
    const files = await signed("ES256");
    const fewer = new Map([...files].filter(([name]) => name !== "features.yaml"));
    expect(refusal(fewer, checkFor("ES256"))).toMatch(/features\.yaml is covered, but not there/);
    await rm(join(folder, "features.yaml"));
    const without = await signed("ES256", {}, ["policy.wasm", "data.json", ".manifest"]);
    await writeFile(join(folder, "features.yaml"), FILES["features.yaml"]);
    expect(refusal(without, checkFor("ES256"))).toBe("");
    without.set("features.yaml", Buffer.from(FILES["features.yaml"]));
    expect(refusal(without, checkFor("ES256"))).toMatch(/features\.yaml is not covered/);
  });

  it.each([
    ["without a signature", undefined, /only signed bundles are taken/],
    ["with a signature that is no JSON", "{", /does not hold one signature/],
    ["with two signatures", '{"signatures":["a.b.c","a.b.c"]}', /does not hold one signature/],
    ["with a signature of two parts", '{"signatures":["a.b"]}', /does not hold one signature/],
  ])("is refused %s", (_, text, message) => {
    const files = new Map<string, Uint8Array>(
      Object.entries(FILES).map(([name, content]) => [name, Buffer.from(content)]),
    );
    if (text !== undefined) files.set(".signatures.json", Buffer.from(text));
    expect(refusal(files, checkFor("ES256"))).toMatch(message);
  });
});

function ecKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}
