import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeError, StileError } from "../../src/core/errors.ts";
import { type Bundle, bundleFromBytes, readBundle } from "../../src/policy/bundle-reader.ts";
import { writeTar } from "../../src/policy/tar-writer.ts";

const GOOD = {
  "policy.wasm": "\0asm",
  "data.json": '{"roles":{"ann":"admin"}}',
  ".manifest": '{"revision":"r1","roots":["roles","stile"]}',
  "features.yaml":
    "features: [{ entity: device, name: known, type: boolean, max_age_s: 60, made: given }]",
};

function packed(files: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
  return gzipSync(writeTar(new Map(entries)), { level: 1 });
}

function without(name: keyof typeof GOOD): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name));
}

/** @returns the chain of reasons; any other error is thrown on. */
async function refusal(reading: Promise<Bundle>): Promise<string> {
  try {
    await reading;
  } catch (thrown) {
    if (thrown instanceof StileError && thrown.code === "bundle_invalid") {
      return describeError(thrown);
    }
    throw thrown;
  }
  return "";
}

describe("bundleFromBytes", () => {
  it("reads the parts of a bundle", async () => {
    const bundle = await bundleFromBytes(packed(GOOD));
    expect(Buffer.from(bundle.wasm).toString()).toBe(GOOD["policy.wasm"]);
    expect(Buffer.from(bundle.data).toString()).toBe(GOOD["data.json"]);
    expect(bundle.revision).toBe("r1");
    expect(bundle.features.map(({ name }) => name)).toEqual(["known"]);
    expect(bundle.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("takes a bundle of a policy alone", async () => {
    const bundle = await bundleFromBytes(packed({ "policy.wasm": "\0asm" }));
    expect(Buffer.from(bundle.data).toString()).toBe("{}");
    expect(bundle).toMatchObject({ revision: "", features: [] });
  });

  it("gives one digest to the same parts, and another when any byte of them moves", async () => {
    const digestOf = async (files: Readonly<Record<string, string>>): Promise<string> =>
      (await bundleFromBytes(packed(files))).digest;
    const base = await digestOf(GOOD);
    expect(await digestOf({ ...GOOD, ".manifest": '{"revision":"r2"}' })).toBe(base);
    expect(await digestOf({ ...GOOD, "policy.rego": "package stile" })).toBe(base);
    const others = await Promise.all([
      digestOf({ ...GOOD, "policy.wasm": "\0asm{" }),
      digestOf({ ...GOOD, "data.json": '{"roles":{"ann":"other"}}' }),
      digestOf({ ...GOOD, "features.yaml": "features: []" }),
      digestOf({ ...without("features.yaml"), "data.json": '{"roles":{"ann":"admin"}} ' }),
    ]);
    expect(new Set([base, ...others]).size).toBe(5);
  });

  it.each<[string, Buffer, RegExp]>([
    ["an empty file", Buffer.alloc(0), /empty file/],
    ["no gzip", Buffer.from("policy"), /not gzip/],
    ["gzip of something else", gzipSync("a".repeat(2_000)), /not a tar/],
    ["gzip of nothing", gzipSync(""), /truncated archive/],
    ["gzip cut short", packed(GOOD).subarray(0, -20), /truncated gzip/],
    ["gzip with a wrong checksum", flipped(packed(GOOD), -5), /damaged gzip/],
    ["a policy missing", packed(without("policy.wasm")), /no policy\.wasm.*stile build/],
    ["data that is no JSON", packed({ ...GOOD, "data.json": "{" }), /data\.json is not JSON.*byte/],
    ["data that is a list", packed({ ...GOOD, "data.json": "[]", ".manifest": "{}" }), /object/],
    ["a manifest that is no JSON", packed({ ...GOOD, ".manifest": "{" }), /\.manifest is not JSON/],
    ["a manifest that is a list", packed({ ...GOOD, ".manifest": "[]" }), /\.manifest/],
    ["roots that are no texts", packed({ ...GOOD, ".manifest": '{"roots":[1]}' }), /roots\.0/],
    [
      "roots that overlap",
      packed({ ...GOOD, ".manifest": '{"roots":["a","a/b"]}' }),
      /roots "a" and "a\/b" overlap/,
    ],
    [
      "data outside of the roots",
      packed({
        ...GOOD,
        ".manifest": '{"roots":["roles/ann","teams"]}',
        "data.json": '{"roles":{"bob":1}}',
      }),
      /"roles\/bob", outside the manifest's roots/,
    ],
    [
      "a value where a root's object should be",
      packed({ ...GOOD, ".manifest": '{"roots":["roles/ann"]}', "data.json": '{"roles":1}' }),
      /"roles", outside/,
    ],
    [
      "wrong features",
      packed({ ...GOOD, "features.yaml": "features: [1]" }),
      /line 1: features\[0\]/,
    ],
    ["a path upwards", packed({ ...GOOD, "../x": "" }), /leaves the bundle/],
  ])("refuses %s", async (_, bytes, message) => {
    expect(await refusal(bundleFromBytes(bytes))).toMatch(message);
  });

  it("refuses what unpacks to more than a bundle may have, without unpacking it", async () => {
    const zeros = Buffer.alloc(64 * 1024 * 1024);
    const bomb = Buffer.concat(Array.from({ length: 9 }, () => gzipSync(zeros, { level: 1 })));
    expect(bomb.length).toBeLessThan(8 * 1024 * 1024);
    expect(await refusal(bundleFromBytes(bomb))).toMatch(/larger than 512 MiB unpacked/);
  });

  it("refuses a file larger than a bundle may be", async () => {
    expect(await refusal(bundleFromBytes(Buffer.alloc(65 * 1024 * 1024)))).toMatch(/64 MiB/);
  });

  it("reads or refuses each damaged file, and throws nothing else", async () => {
    const good = packed(GOOD);
    const { digest } = await bundleFromBytes(good);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, bits, cut) => {
          const damaged = cut ? good.subarray(0, at) : flipped(good, at, bits);
          const reading = bundleFromBytes(damaged);
          // Some bytes of gzip say nothing of the content: times, distances between like bytes.
          const isRead = (await refusal(reading)) === "";
          expect(isRead ? (await reading).digest : digest).toBe(digest);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("readBundle", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "stile-bundle-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("reads a file and a folder alike", async () => {
    const file = join(folder, "bundle.tar.gz");
    await writeFile(file, packed(GOOD));
    const unpacked = join(folder, "unpacked");
    await mkdir(unpacked);
    for (const [name, text] of Object.entries(GOOD)) await writeFile(join(unpacked, name), text);
    const [fromFile, fromFolder] = await Promise.all([readBundle(file), readBundle(unpacked)]);
    expect(fromFolder.digest).toBe(fromFile.digest);
    expect(fromFolder.revision).toBe(fromFile.revision);
  });

  it.each([
    ["nothing", "missing.tar.gz", /cannot be read: ENOENT/],
    ["an empty folder", ".", /no policy\.wasm/],
  ])("refuses %s", async (_, name, message) => {
    expect(await refusal(readBundle(join(folder, name)))).toMatch(message);
  });

  it("refuses a device", async () => {
    expect(await refusal(readBundle("/dev/null"))).toMatch(/neither a file nor a folder/);
  });
});

function flipped(bytes: Uint8Array, at: number, bits = 0xff): Buffer {
  const copy = Buffer.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ bits;
  return copy;
}
