import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { bundleFromFiles } from "../../src/policy/bundle-reader.ts";
import { openPolicy } from "../../src/policy/open-policy.ts";
import { requireReal } from "../real/require-real.ts";
import { buildFiles, deciding } from "./opa-build.ts";

const REGO = deciding(
  '{"decision": "deny", "reasons": [{"code": c, "message": "m"} | some c in data.codes[input.kind]]}',
);

const opa = await requireReal("opa");

describe.skipIf(!opa.present)("a damaged policy.wasm", () => {
  let files: Map<string, Uint8Array>;
  beforeAll(async () => {
    files = await buildFiles({ rego: REGO, data: { codes: { a: ["x", "y"] } } });
  });

  /** @returns what an evaluation gave, or `refused`; any other error is thrown on. */
  async function outcomeOf(wasm: Uint8Array): Promise<string> {
    try {
      const bundle = bundleFromFiles(new Map([...files, ["policy.wasm", wasm]]));
      const limits = { stepsMax: 100_000, memoryBytesMax: 32 * 1024 * 1024 };
      const policy = await openPolicy(bundle, "damaged", limits);
      return policy.evaluate('{"kind":"a"}', "0", "").kind;
    } catch (thrown) {
      if (thrown instanceof StileError && thrown.code === "bundle_invalid") return "refused";
      throw thrown;
    }
  }

  it("opens when nothing is damaged", async () => {
    expect(await outcomeOf(files.get("policy.wasm") ?? new Uint8Array())).toBe("verdict");
  });

  it("opens or is refused, and neither hangs nor throws anything else", async () => {
    const wasm = Buffer.from(files.get("policy.wasm") ?? []);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(wasm.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 0, max: 9 }),
        async (at, bits, kind) => {
          const damaged = Buffer.from(wasm);
          damaged[at] = (damaged[at] ?? 0) ^ bits;
          // One in ten is cut, the others have a byte changed.
          const outcome = await outcomeOf(kind === 0 ? wasm.subarray(0, at) : damaged);
          expect(outcome).toMatch(/^(verdict|fault|refused)$/);
        },
      ),
      { numRuns: Number(process.env["STILE_TEST_RUNS"] ?? 150) },
    );
  }, 120_000);
});
