import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTick } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { describeError } from "../../src/core/errors.ts";
import type { BundleStatus, Policy } from "../../src/core/policy.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import {
  type OpenPolicies,
  openPolicies,
  type PoliciesOptions,
} from "../../src/policy/policies.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { buildFiles, deciding, pack } from "./opa-build.ts";

const opa = await requireReal("opa");

const denying = (code: string): string =>
  deciding(`{"decision": "deny", "reasons": [{"code": "${code}", "message": "m"}]}`);

describe.skipIf(!opa.present)("openPolicies", () => {
  let files: Map<string, Uint8Array>;
  let first: Buffer;
  let second: Buffer;
  let folder: string;
  let path: string;
  let policies: OpenPolicies | undefined;
  let changes: BundleStatus[];

  beforeAll(async () => {
    const [one, two] = await Promise.all([
      buildFiles({ rego: denying("first"), revision: "r1", data: { a: 1 } }),
      buildFiles({ rego: denying("second"), revision: "r2" }),
    ]);
    files = one;
    first = pack(one);
    second = pack(two);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "stile-policies-"));
    path = join(folder, "bundle.tar.gz");
    await writeFile(path, first);
    changes = [];
  });
  afterEach(async () => {
    await policies?.close();
    policies = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  async function open(options: Partial<PoliciesOptions> = {}): Promise<OpenPolicies> {
    policies = await openPolicies({
      bundles: [{ name: "default", source: path }],
      log: silentLog,
      meter: silentMeter,
      clock: systemClock,
      pollMs: 20,
      settleMs: 5,
      onChange: (status) => changes.push(status),
      ...options,
    });
    return policies;
  }

  /** Replaces the file in one step, as careful writers do. */
  async function replace(bytes: Uint8Array): Promise<void> {
    await writeFile(`${path}.next`, bytes);
    await rename(`${path}.next`, path);
  }

  function codeOf(policy: Policy | undefined): string | undefined {
    const answer = policy?.evaluate("{}", "0", "");
    return answer?.kind === "verdict" ? answer.verdict.reasons[0]?.code : answer?.fault;
  }

  it("gives the default policy to who names none, and nothing to an unknown name", async () => {
    const opened = await open();
    expect(opened.current("")).toBe(opened.current("default"));
    expect(codeOf(opened.current(""))).toBe("first");
    expect(opened.current("other")).toBeUndefined();
    expect(opened.list()).toMatchObject([
      { policy: { name: "default", revision: "r1" }, source: path, lastError: "" },
    ]);
  });

  it("keeps several policies side by side", async () => {
    const other = join(folder, "other.tar.gz");
    await writeFile(other, second);
    const bundles = [
      { name: "default", source: path },
      { name: "other", source: other },
    ];
    const opened = await open({ bundles });
    expect(codeOf(opened.current("default"))).toBe("first");
    expect(codeOf(opened.current("other"))).toBe("second");
    expect(opened.list().map(({ policy }) => policy.name)).toEqual(["default", "other"]);
  });

  it("takes a replaced file, and tells of it once", async () => {
    const opened = await open();
    const before = opened.current("");
    await replace(second);
    await waitFor("the second bundle", () => codeOf(opened.current("")) === "second");
    expect(changes.map(({ policy }) => policy.revision)).toEqual(["r2"]);
    expect(codeOf(before)).toBe("first");
  });

  it("takes a folder whose files are rewritten in place", async () => {
    const source = join(folder, "unpacked");
    await mkdir(source);
    for (const name of ["policy.wasm", "data.json", ".manifest"]) {
      await writeFile(join(source, name), files.get(name) ?? "");
    }
    const opened = await open({ bundles: [{ name: "default", source }] });
    const digest = opened.current("")?.ref.digest;
    await writeFile(join(source, "data.json"), '{"a":2}');
    await waitFor("other data", () => opened.current("")?.ref.digest !== digest);
    expect(codeOf(opened.current(""))).toBe("first");
  });

  it("keeps the good bundle while a bad one lies there, and takes the next good one", async () => {
    const opened = await open();
    await replace(second.subarray(0, second.length / 2));
    await waitFor("the refusal", () => opened.list()[0]?.lastError !== "");
    expect(opened.list()[0]?.lastError).toMatch(/open bundle .* "default": truncated gzip/);
    expect(codeOf(opened.current(""))).toBe("first");
    expect(changes).toEqual([]);
    await replace(second);
    await waitFor("the second bundle", () => codeOf(opened.current("")) === "second");
    expect(opened.list()[0]?.lastError).toBe("");
  });

  it("takes a file that is written slowly only when it is whole", async () => {
    const opened = await open();
    for (let length = 0; length <= second.length; length += Math.ceil(second.length / 10)) {
      await writeFile(path, second.subarray(0, length));
      await new Promise((resolve) => setTimeout(resolve, 15));
      expect(codeOf(opened.current(""))).toBe("first");
    }
    await writeFile(path, second);
    await waitFor("the second bundle", () => codeOf(opened.current("")) === "second");
  });

  it("keeps the bundle in force while the file is away", async () => {
    const opened = await open();
    await rm(path);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(codeOf(opened.current(""))).toBe("first");
    await replace(second);
    await waitFor("the second bundle", () => codeOf(opened.current("")) === "second");
  });

  it("loses no evaluation and mixes no two bundles while the file is replaced 20 times", async () => {
    const opened = await open();
    const codeByRevision = new Map([
      ["r1", "first"],
      ["r2", "second"],
    ]);
    const replacing = { isOver: false };
    const seen = new Map<string, number>();
    const load = (async () => {
      while (!replacing.isOver) {
        for (let i = 0; i < 50; i += 1) {
          const policy = opened.current("");
          expect(codeOf(policy)).toBe(codeByRevision.get(policy?.ref.revision ?? ""));
          const digest = policy?.ref.digest ?? "";
          seen.set(digest, (seen.get(digest) ?? 0) + 1);
        }
        await nextTick();
      }
    })();
    for (let i = 0; i < 20; i += 1) {
      const wanted = i % 2 === 0 ? "second" : "first";
      await replace(i % 2 === 0 ? second : first);
      await waitFor(wanted, () => codeOf(opened.current("")) === wanted);
    }
    replacing.isOver = true;
    await load;
    expect(seen.size).toBe(2);
    expect(changes).toHaveLength(20);
  }, 60_000);

  it("stops watching when closed", async () => {
    const opened = await open();
    await opened.close();
    await replace(second);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(codeOf(opened.current(""))).toBe("first");
  });

  it("refuses two bundles of one name", async () => {
    const twice = [
      { name: "a", source: path },
      { name: "a", source: path },
    ];
    await expect(open({ bundles: twice })).rejects.toMatchObject({ code: "invalid_config" });
  });

  describe("at start refuses a bundle", () => {
    async function refusalOf(changed: ReadonlyMap<string, Uint8Array>): Promise<string> {
      await writeFile(path, pack(changed));
      const thrown: unknown = await open().catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: "bundle_invalid" });
      return describeError(thrown);
    }
    const withWasm = (wasm: Uint8Array): Map<string, Uint8Array> =>
      new Map([...files, ["policy.wasm", wasm]]);

    it("that is not there", async () => {
      await rm(path);
      await expect(open()).rejects.toMatchObject({ code: "bundle_invalid" });
    });

    it("whose policy is no WASM, with the engine's reason", async () => {
      expect(await refusalOf(withWasm(Buffer.from("no wasm")))).toMatch(/expected magic word/);
    });

    it("whose policy is WASM cut short", async () => {
      const wasm = files.get("policy.wasm") ?? Buffer.alloc(0);
      expect(await refusalOf(withWasm(wasm.subarray(0, 50_000)))).toMatch(/no valid WASM policy/);
    });

    it("whose policy is WASM, but not of OPA", async () => {
      const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
      expect(await refusalOf(withWasm(empty))).toMatch(/no valid WASM policy/);
    });

    it("whose policy has another ABI version", async () => {
      const wasm = Buffer.from(files.get("policy.wasm") ?? []);
      // Two i32 globals with the values 1 and 3: the version's two parts.
      const at = wasm.indexOf(Buffer.from("7f0041010b7f0041030b", "hex"));
      wasm[at + 3] = 2;
      expect(await refusalOf(withWasm(wasm))).toMatch(/ABI version 2\.3, expected 1\.2/);
    });

    it("that is not signed where signatures are asked for", async () => {
      const signature = { keys: new Map(), keyId: "", scope: "" };
      const thrown: unknown = await open({
        bundles: [{ name: "default", source: path, signature }],
      }).catch((error: unknown) => error);
      expect(describeError(thrown)).toMatch(/only signed bundles are taken/);
    });

    it("without the entrypoint, naming those that it has", async () => {
      const rego = "package other\n\nanswer := 1\n";
      const built = await buildFiles({ rego, entrypoints: ["other/answer"] });
      expect(await refusalOf(built)).toMatch(
        /no entrypoint stile\/decision, there is other\/answer/,
      );
    });

    it("that calls a builtin which is not served, naming it and why", async () => {
      const rego = deciding('http.send({"method": "get", "url": "http://localhost"})');
      expect(await refusalOf(await buildFiles({ rego }))).toMatch(/http\.send.*no I\/O/);
    });
  });
});
