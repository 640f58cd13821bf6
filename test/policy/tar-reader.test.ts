import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { readTar } from "../../src/policy/tar-reader.ts";
import { writeTar } from "../../src/policy/tar-writer.ts";

const files = new Map<string, Uint8Array>([
  ["policy.wasm", Buffer.from("not really")],
  ["a/b.json", Buffer.alloc(1_500, 7)],
  ["empty", new Uint8Array()],
]);

/** Changes a header and makes its checksum right again. */
function withHeader(change: (header: Buffer) => void, body = "x"): Buffer {
  const archive = writeTar(new Map([["file", Buffer.from(body)]]));
  change(archive.subarray(0, 512));
  archive.fill(" ", 148, 156);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return archive;
}

function named(name: string): Buffer {
  return withHeader((header) => header.fill(0, 0, 100).write(name, 0));
}

/** An entry of a kind whose body says something of the next, then a file. */
function announced(type: string, body: string): Buffer {
  const first = withHeader((header) => header.write(type, 156), body);
  return Buffer.concat([first.subarray(0, first.length - 1_024), named("short")]);
}

function refusal(archive: Uint8Array): string {
  try {
    readTar(archive);
  } catch (thrown) {
    if (thrown instanceof StileError && thrown.code === "bundle_invalid") return thrown.message;
    throw thrown;
  }
  return "";
}

describe("readTar", () => {
  it("reads what writeTar wrote", () => {
    const read = readTar(writeTar(files));
    expect([...read.keys()]).toEqual([...files.keys()]);
    for (const [path, bytes] of files)
      expect(Buffer.from(read.get(path) ?? [])).toEqual(
        bytes.length === 0 ? Buffer.alloc(0) : Buffer.from(bytes),
      );
  });

  it.each([
    ["/policy.wasm", "policy.wasm"],
    ["./policy.wasm", "policy.wasm"],
    ["a//b/./c", "a/b/c"],
    ["..a/b..", "..a/b.."],
  ])("takes %s for %s", (name, path) => {
    expect([...readTar(named(name)).keys()]).toEqual([path]);
  });

  it("takes the name from a pax header, and from a GNU long name", () => {
    const long = `${"d/".repeat(60)}policy.wasm`;
    const record = (text: string): string => {
      const length = text.length + 2 + String(text.length + 4).length;
      return `${length} ${text}\n`;
    };
    expect([...readTar(announced("x", record(`path=${long}`))).keys()]).toEqual([long]);
    expect([...readTar(announced("L", `${long}\0`)).keys()]).toEqual([long]);
  });

  it("leaves directories out", () => {
    const directory = withHeader((header) => header.write("5", 156), "");
    const archive = Buffer.concat([directory.subarray(0, 512), writeTar(files)]);
    expect(readTar(archive).size).toBe(files.size);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /truncated/],
    ["an archive without entries", Buffer.alloc(1_024), /empty archive/],
    ["text", Buffer.from("a".repeat(2_000)), /not a tar/],
    ["a path upwards", named("../policy.wasm"), /leaves the bundle/],
    ["a path upwards within", named("a/../../b"), /leaves the bundle/],
    ["a path with a backslash", named("..\\b"), /leaves the bundle/],
    ["a hard link", withHeader((header) => header.write("1", 156)), /link or a device/],
    ["a symbolic link", withHeader((header) => header.write("2", 156)), /link or a device/],
    ["a device", withHeader((header) => header.write("3", 156)), /link or a device/],
    ["a size that is no number", withHeader((header) => header.write("zz", 124)), /not octal/],
    ["a size larger than the rest", withHeader((header) => header.write("7777", 124)), /truncated/],
    ["a path twice", Buffer.concat([named("a").subarray(0, 1_024), named("a")]), /twice/],
    ["a pax header cut short", announced("x", "9999 path=a\n"), /pax/],
    [
      "more entries than a bundle has",
      writeTar(new Map(Array.from({ length: 1_001 }, (_, i) => [`f${i}`, new Uint8Array()]))),
      /more than 1000 entries/,
    ],
  ])("refuses %s", (_, archive, message) => {
    expect(refusal(archive)).toMatch(message);
  });

  it("refuses each archive that ends too early", () => {
    const archive = writeTar(files);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: archive.length - 1_025 }), (length) => {
        expect(refusal(archive.subarray(0, length))).toMatch(/truncated/);
      }),
    );
  });

  it("reads or refuses whatever bytes it is given, and throws nothing else", () => {
    const archive = writeTar(files);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const damaged = Buffer.from(archive);
          for (const [at, byte] of changes) damaged[at] = byte;
          expect(refusal(damaged)).toBeTypeOf("string");
        },
      ),
    );
  });
});
