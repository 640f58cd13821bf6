import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StateStore } from "../../src/core/store.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../../src/store/change-checks.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";

export interface OpenedStore {
  readonly store: StateStore;
  /** Closes the store and removes what it kept. */
  readonly remove: () => Promise<void>;
}

/** What every store of states must do. `open` takes at most `recordsMax` records. */
export function describeStateStore(
  name: string,
  open: (parts: { readonly clock: FakeClock; readonly recordsMax: number }) => OpenedStore,
): void {
  describe(`StateStore: ${name}`, () => {
    const recordsMax = 300;
    let clock: FakeClock;
    let opened: OpenedStore;
    let store: StateStore;

    beforeEach(() => {
      clock = createFakeClock();
      opened = open({ clock, recordsMax });
      store = opened.store;
    });
    afterEach(() => opened.remove());

    const set = (key: string, version: number, value: string, expiresAtMs: number | null = null) =>
      store.compareAndSet({ key, version, value, expiresAtMs });

    it("has nothing under a key that was never set", async () => {
      expect(await store.get("a")).toBeUndefined();
    });

    it("counts versions from 1, one more at each change", async () => {
      expect(await set("a", 0, '"x"')).toBe(true);
      expect(await store.get("a")).toEqual({ key: "a", value: '"x"', version: 1 });
      expect(await set("a", 1, '"y"')).toBe(true);
      expect(await store.get("a")).toEqual({ key: "a", value: '"y"', version: 2 });
    });

    it.each([
      ["an absent key with a version", "absent", 1],
      ["a present key with version 0", "present", 0],
      ["a present key with an older version", "present", 1],
      ["a present key with a later version", "present", 3],
    ])("changes nothing for %s", async (_, key, version) => {
      await set("present", 0, "1");
      await set("present", 1, "2");
      expect(await set(key, version, "3")).toBe(false);
      expect((await store.get("present"))?.value).toBe("2");
      expect(await store.get("absent")).toBeUndefined();
    });

    it("deletes by a null value, and only at the version named", async () => {
      await set("a", 0, "1");
      expect(
        await store.compareAndSet({ key: "a", version: 2, value: null, expiresAtMs: null }),
      ).toBe(false);
      expect(
        await store.compareAndSet({ key: "a", version: 1, value: null, expiresAtMs: null }),
      ).toBe(true);
      expect(await store.get("a")).toBeUndefined();
      expect(await set("a", 0, "2")).toBe(true);
    });

    it("lets exactly one of many concurrent changes of one version win", async () => {
      for (let version = 0; version < 5; version += 1) {
        const outcomes = await Promise.all(
          Array.from({ length: 40 }, (_, index) => set("a", version, String(index))),
        );
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        expect((await store.get("a"))?.value).toBe(String(outcomes.indexOf(true)));
      }
    });

    it("loses no increment of concurrent writers that try again", async () => {
      const increment = async (): Promise<void> => {
        const record = await store.get("n");
        const value = String(Number(record?.value ?? "0") + 1);
        if (!(await set("n", record?.version ?? 0, value))) await increment();
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      expect((await store.get("n"))?.value).toBe("20");
    });

    it("has a record until its expiry, and not after", async () => {
      await set("a", 0, "1", clock.nowMs() + 1_000);
      clock.moveMs(1_000);
      expect((await store.get("a"))?.value).toBe("1");
      expect(await set("a", 0, "2")).toBe(false);
      clock.moveMs(1);
      expect(await store.get("a")).toBeUndefined();
      expect(await store.list("a", 10)).toEqual([]);
    });

    it("takes an expired key as absent, and goes on with its version", async () => {
      await set("a", 0, "1", clock.nowMs() + 1_000);
      clock.moveMs(2_000);
      expect(await set("a", 1, "stale")).toBe(false);
      expect(await set("a", 0, "2")).toBe(true);
      expect(await set("a", 1, "stale")).toBe(false);
      expect(await store.get("a")).toEqual({ key: "a", value: "2", version: 2 });
    });

    it("lists what starts with the prefix, in the order of UTF-8 bytes, up to the limit", async () => {
      for (const key of ["p/b", "p/a", "q/a", "p/\u{1F600}", "p/\uFF5E", "p", "o/z", "p/ä"]) {
        await set(key, 0, JSON.stringify(key));
      }
      const keys = async (prefix: string, limit: number) =>
        (await store.list(prefix, limit)).map((record) => record.key);
      expect(await keys("p/", 100)).toEqual(["p/a", "p/b", "p/ä", "p/\uFF5E", "p/\u{1F600}"]);
      expect(await keys("p/", 2)).toEqual(["p/a", "p/b"]);
      expect(await keys("x", 10)).toEqual([]);
      expect(await keys("", 3)).toEqual(["o/z", "p", "p/a"]);
    });

    it("gives back any key and value as they were", async () => {
      const keys = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
      await fc.assert(
        fc.asyncProperty(keys, fc.json(), async (key, value) => {
          const before = await store.get(key);
          expect(await set(key, before?.version ?? 0, value)).toBe(true);
          expect((await store.get(key))?.value).toBe(value);
        }),
        { numRuns: 100 },
      );
    });

    it("takes a key of the longest length, and tells two such keys apart", async () => {
      const stem = "k".repeat(KEY_BYTES_MAX - 1);
      await set(`${stem}1`, 0, "1");
      await set(`${stem}2`, 0, "2");
      expect((await store.get(`${stem}1`))?.value).toBe("1");
      expect((await store.list(stem, 10)).map((record) => record.value)).toEqual(["1", "2"]);
    });

    it.each([
      ["no key", { key: "" }],
      ["a longer key", { key: "k".repeat(KEY_BYTES_MAX + 1) }],
      ["a key that is longer in bytes", { key: "ä".repeat(KEY_BYTES_MAX / 2 + 1) }],
      ["half a surrogate pair", { key: "a\uD800" }],
      ["a longer value", { value: "v".repeat(VALUE_BYTES_MAX + 1) }],
      ["a negative version", { version: -1 }],
      ["a broken version", { version: 0.5 }],
      ["an expiry that is no number", { expiresAtMs: Number.NaN }],
    ])("refuses %s", async (_, wrong) => {
      const change = { key: "a", version: 0, value: "1", expiresAtMs: null, ...wrong };
      await expect(store.compareAndSet(change)).rejects.toMatchObject({ code: "invalid_request" });
      expect(await store.list("", 10)).toEqual([]);
    });

    it("refuses a list without a limit", async () => {
      await expect(store.list("a", 0)).rejects.toMatchObject({ code: "invalid_request" });
    });

    it("refuses a new record when full, and still changes and deletes", async () => {
      for (let index = 0; index < recordsMax; index += 1) await set(`k${index}`, 0, "1");
      await expect(set("one more", 0, "1")).rejects.toMatchObject({ code: "state_unavailable" });
      expect(await set("k0", 1, "2")).toBe(true);
      expect(
        await store.compareAndSet({ key: "k1", version: 1, value: null, expiresAtMs: null }),
      ).toBe(true);
      expect(await set("one more", 0, "1")).toBe(true);
    });

    it("rejects every call once closed", async () => {
      await store.close();
      await store.close();
      const closed = { code: "state_unavailable" };
      await expect(store.get("a")).rejects.toMatchObject(closed);
      await expect(set("a", 0, "1")).rejects.toMatchObject(closed);
      await expect(store.list("a", 1)).rejects.toMatchObject(closed);
    });
  });
}
