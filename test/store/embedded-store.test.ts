import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/core/clock.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { buildChild, type ChildProgram, nextLine } from "./child-program.ts";
import { createFakeClock } from "./fake-clock.ts";
import { describeStateStore } from "./state-store.contract.ts";

const newFolder = (): string => mkdtempSync(join(tmpdir(), "stile-store-"));
const partsIn = (folder: string, clock: Clock) => ({
  folder,
  clock,
  log: silentLog,
  meter: silentMeter,
});

describeStateStore("embedded", ({ clock, recordsMax }) => {
  const folder = newFolder();
  const store = openEmbeddedStore({ ...partsIn(folder, clock), recordsMax });
  return {
    store,
    remove: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

describe("EmbeddedStore", () => {
  const clock = createFakeClock();
  let folder: string;
  beforeEach(() => {
    folder = newFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("has what was set when it is opened again", async () => {
    const first = openEmbeddedStore(partsIn(folder, clock));
    await first.compareAndSet({ key: "a", version: 0, value: '"é"', expiresAtMs: null });
    await first.close();
    const second = openEmbeddedStore(partsIn(folder, clock));
    expect(await second.get("a")).toEqual({ key: "a", value: '"é"', version: 1 });
    await second.close();
  });

  it("finishes a change that was under way when it is closed", async () => {
    const store = openEmbeddedStore(partsIn(folder, clock));
    const change = store.compareAndSet({ key: "a", version: 0, value: "1", expiresAtMs: null });
    await store.close();
    expect(await change).toBe(true);
    const again = openEmbeddedStore(partsIn(folder, clock));
    expect((await again.get("a"))?.value).toBe("1");
    await again.close();
  });

  it("sweeps what expired over a minute ago, a slice at a time, and nothing else", async () => {
    const store = openEmbeddedStore({ ...partsIn(folder, clock), sweepRecords: 10 });
    const startMs = clock.nowMs();
    for (let index = 0; index < 25; index += 1) {
      const expiresAtMs = index % 5 === 0 ? null : startMs + 1_000;
      await store.compareAndSet({ key: `k${index}`, version: 0, value: "1", expiresAtMs });
    }
    clock.moveMs(30_000);
    expect(await store.sweep()).toBe(0);
    for (let slice = 0; slice < 2; slice += 1) await store.sweep(); // back to the first key
    clock.moveMs(32_000);
    const removed: number[] = [];
    for (let slice = 0; slice < 4; slice += 1) removed.push(await store.sweep());
    expect(removed.slice(0, 3).every((count) => count > 0 && count <= 10)).toBe(true);
    expect(removed.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(await store.list("k", 100)).toHaveLength(5);
    await store.close();
  });

  it("refuses new records over its bytes", async () => {
    const store = openEmbeddedStore({ ...partsIn(folder, clock), bytesMax: 64 * 1024 });
    const value = JSON.stringify("v".repeat(8_000));
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 50; index += 1) {
        await store.compareAndSet({ key: `k${index}`, version: 0, value, expiresAtMs: null });
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: "state_unavailable" });
    expect(
      await store.compareAndSet({ key: "k0", version: 1, value: "1", expiresAtMs: null }),
    ).toBe(true);
    await store.close();
  });

  it.each([
    ["other bytes", Buffer.alloc(20_000, 7)],
    ["a few bytes", Buffer.from("hello")],
  ])("tells that a database file with %s is not its own", (_, bytes) => {
    writeFileSync(join(folder, "data.mdb"), bytes);
    expect(() => openEmbeddedStore(partsIn(folder, clock))).toThrow(
      expect.objectContaining({ code: "state_unavailable" }),
    );
  });

  it("tells that a database file was cut short", async () => {
    const store = openEmbeddedStore(partsIn(folder, clock));
    for (let index = 0; index < 50; index += 1) {
      const value = JSON.stringify("v".repeat(2_000));
      await store.compareAndSet({ key: `k${index}`, version: 0, value, expiresAtMs: null });
    }
    await store.close();
    const file = openSync(join(folder, "data.mdb"), "r+");
    ftruncateSync(file, 8_192);
    closeSync(file);
    expect(() => openEmbeddedStore(partsIn(folder, clock))).toThrow(/cut short/);
  });

  it("tells that its folder cannot be made", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => openEmbeddedStore(partsIn(join(folder, "file/state"), clock))).toThrow(
      expect.objectContaining({ code: "state_unavailable" }),
    );
  });
});

describe("EmbeddedStore across processes", () => {
  let program: ChildProgram;
  let folder: string;
  beforeAll(async () => {
    program = await buildChild("test/store/children/claims.ts");
  }, 30_000);
  afterAll(() => program.remove());
  beforeEach(() => {
    folder = newFolder();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lets exactly one of four processes win each of 500 keys", { timeout: 60_000 }, async () => {
    const children = [0, 1, 2, 3].map(() => program.start([folder, "500"]));
    for (const child of children) expect(await nextLine(child)).toBe("ready");
    for (const child of children) child.tell("go");
    const won: string[] = [];
    for (const child of children) won.push(...((await nextLine(child)).match(/\d+/g) ?? []));
    expect(won).toHaveLength(500);
    expect(new Set(won).size).toBe(500);
    await Promise.all(children.map((child) => child.ended));
  });

  it("has what a process set that was killed right after", { timeout: 60_000 }, async () => {
    const child = program.start([folder, "20", "hold"]);
    await nextLine(child);
    child.tell("go");
    await nextLine(child);
    child.process.kill("SIGKILL");
    await child.ended;
    const store = openEmbeddedStore(partsIn(folder, createFakeClock()));
    expect(await store.list("claim/", 100)).toHaveLength(20);
    expect(
      await store.compareAndSet({ key: "claim/0", version: 0, value: "1", expiresAtMs: null }),
    ).toBe(false);
    await store.close();
  });

  it("sees what another process changed, also within one turn of the event loop", async () => {
    const store = openEmbeddedStore(partsIn(folder, createFakeClock()));
    const before = store.get("claim/0");
    const child = spawnSync(process.execPath, [program.script, folder, "1"], { input: "go\n" });
    const after = store.get("claim/0");
    expect(child.stdout.toString()).toBe("ready\n[0]\n");
    expect(await before).toBeUndefined();
    expect((await after)?.version).toBe(1);
    await store.close();
  });
});
