import { describe, expect, it } from "vitest";
import type { Signal } from "../../src/core/features.ts";
import {
  ANN,
  countingMeter,
  declared,
  NOBODY,
  NOW_MS,
  seen,
  signal,
  stateOf,
  update,
} from "./feature-fixtures.ts";

const DAY_MS = 86_400_000;
const EVICTED = "stile_feature_entities_evicted_total";
const EXPIRED = "stile_feature_entities_expired_total";

const failed = declared("subject.failed", "number", {
  kind: "count",
  signals: ["login_failed"],
  windowS: 60,
});
const incidents = declared("global.incidents", "strings", {
  kind: "open",
  signal: "opened",
  closedBy: "closed",
  of: "incident",
  most: 2,
});

describe("the number of entities", () => {
  it("stays within its bound, and those go that were not heard of for long", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([declared("subject.risk", "number")], {
      meter,
      limits: { entitiesMax: 10 },
    });
    for (let n = 0; n < 100; n += 1) {
      state.put([update({ id: `user:${n}`, eventTimeMs: NOW_MS - 100 + n })], NOW_MS);
      expect(state.entityCount).toBeLessThanOrEqual(10);
    }
    expect(sumOf(EVICTED)).toBe(90);
    expect(sumOf("stile_feature_entities")).toBe(10);
    const kept = Array.from({ length: 100 }, (_, n) => n).filter((n) => isKnown(`user:${n}`));
    expect(kept).toEqual([90, 91, 92, 93, 94, 95, 96, 97, 98, 99]);

    function isKnown(id: string): boolean {
      return state.read("subject", id, NOW_MS)[0]?.state !== "missing";
    }
  });

  it("a flood of addresses costs addresses, not subjects", () => {
    const state = stateOf(
      [declared("subject.risk", "number"), declared("address.bad", "boolean")],
      {
        limits: { entitiesMax: 100 },
      },
    );
    for (let n = 0; n < 40; n += 1) {
      state.put([update({ id: `user:${n}`, eventTimeMs: NOW_MS - DAY_MS })], NOW_MS);
    }
    for (let n = 0; n < 1_000; n += 1) {
      state.put(
        [update({ entity: "address", id: `10.0.0.${n}`, name: "bad", value: true })],
        NOW_MS,
      );
    }
    const subjects = Array.from({ length: 40 }, (_, n) =>
      state.read("subject", `user:${n}`, NOW_MS),
    );
    expect(subjects.every(([risk]) => risk?.state === "stale")).toBe(true);
    expect(state.entityCount).toBe(100);
  });

  it("goes down as entities pass the retention, a little at each write", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([declared("subject.risk", "number"), failed], {
      meter,
      limits: { retentionS: 3_600 },
    });
    for (let n = 0; n < 300; n += 1) {
      state.put([update({ id: `user:${n}` })], NOW_MS);
      state.observe([signal({ id: String(n), subject: `user:${n}` })], NOW_MS);
    }
    const laterMs = NOW_MS + 3_600_001;
    for (let n = 0; n < 40; n += 1) {
      state.put([update({ id: "user:now", eventTimeMs: laterMs })], laterMs);
    }
    expect(state.entityCount).toBe(1);
    expect(sumOf(EXPIRED)).toBe(300);
    expect(sumOf("stile_feature_beside_bytes")).toBe(0);
  });

  it("an entity with one value still young stays whole", () => {
    const state = stateOf(
      [declared("subject.risk", "number"), declared("subject.team", "string")],
      {
        limits: { retentionS: 3_600 },
      },
    );
    state.put([update({ name: "team", value: "sre" })], NOW_MS);
    const laterMs = NOW_MS + 3_600_001;
    for (let n = 0; n < 10; n += 1) state.put([update({ eventTimeMs: laterMs })], laterMs);
    expect(seen(state, ANN, laterMs)).toEqual({
      features: { subject: { risk: 1 } },
      freshness: { subject: { risk: { age_ms: 0, state: "fresh" }, team: { state: "missing" } } },
    });
  });

  it("a declaration's maximum age reaches beyond the retention", () => {
    const state = stateOf([declared("subject.risk", "number", { kind: "given" }, 200 * 86_400)]);
    state.put([update({ eventTimeMs: NOW_MS - 199 * DAY_MS })], NOW_MS);
    expect(seen(state, ANN).features).toEqual({ subject: { risk: 1 } });
  });

  it("slots are used again, without what stood in them", () => {
    const state = stateOf(
      [declared("subject.risk", "number"), declared("subject.team", "string")],
      {
        limits: { entitiesMax: 1 },
      },
    );
    state.put([update({ id: "user:bob", name: "team", value: "sre" })], NOW_MS);
    state.put([update({})], NOW_MS);
    expect(seen(state, ANN).features).toEqual({ subject: { risk: 1 } });
    expect(seen(state, { ...NOBODY, subject: "user:bob" }).features).toEqual({ subject: {} });
  });

  it("more entities than a chunk of the slab holds keep their own values", () => {
    const state = stateOf([declared("subject.risk", "number"), declared("subject.x", "number")]);
    for (let n = 0; n < 3_000; n += 1) {
      state.put([update({ id: `user:${n}`, value: n })], NOW_MS);
    }
    state.redeclare([declared("subject.aaa", "string"), declared("subject.risk", "number")]);
    const values = Array.from(
      { length: 3_000 },
      (_, n) => state.read("subject", `user:${n}`, NOW_MS)[1]?.value,
    );
    expect(values).toEqual(values.map((_, n) => n));
  });
});

describe("what stands beside the slab", () => {
  it("stays within its bound", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([declared("subject.team", "string")], {
      meter,
      limits: { besideBytesMax: 20_000 },
    });
    for (let n = 0; n < 100; n += 1) {
      const value = `${n}`.padEnd(1_000, "x");
      state.put([update({ id: `user:${n}`, name: "team", value })], NOW_MS);
    }
    expect(sumOf("stile_feature_beside_bytes")).toBeLessThanOrEqual(20_000);
    expect(state.entityCount).toBeGreaterThan(10);
    expect(sumOf(EVICTED)).toBe(100 - state.entityCount);
  });

  it("is counted down again to nothing as values are replaced and deleted", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf(
      [declared("subject.team", "string"), declared("subject.tags", "strings")],
      { meter },
    );
    for (const value of ["a", "b", "a", null]) {
      state.put(
        [update({ name: "team", value }), update({ id: "user:bob", name: "team", value })],
        NOW_MS,
      );
      state.put([update({ name: "tags", value: value === null ? null : [value] })], NOW_MS);
    }
    expect(sumOf("stile_feature_beside_bytes")).toBe(0);
    expect(seen(state, ANN).features).toEqual({ subject: {} });
  });
});

describe("the signals of one entity", () => {
  it("count up to the bound, and what is beyond is counted elsewhere", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([failed], { meter, limits: { windowEventsMax: 8 } });
    const list = Array.from({ length: 20 }, (_, n) =>
      signal({ id: String(n), timeMs: NOW_MS - n }),
    );
    state.observe(list, NOW_MS);
    expect(seen(state, ANN).features).toEqual({ subject: { failed: 8 } });
    expect(sumOf("stile_feature_counts_saturated_total")).toBe(12);
  });

  it("past the window are not beyond the bound when they go", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([failed], { meter, limits: { windowEventsMax: 2 } });
    const list = [-70_000, -65_000, -2, -1].map((at) =>
      signal({ id: String(at), timeMs: NOW_MS + at }),
    );
    state.observe(list, NOW_MS);
    expect(seen(state, ANN).features).toEqual({ subject: { failed: 2 } });
    expect(sumOf("stile_feature_counts_saturated_total")).toBe(0);
  });

  it("past the window take no room", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([failed], { meter });
    for (let hour = 0; hour < 200; hour += 1) {
      const timeMs = NOW_MS + hour * 3_600_000;
      state.observe([signal({ id: String(hour), timeMs })], timeMs);
    }
    expect(sumOf("stile_feature_beside_bytes")).toBeLessThan(200);
  });

  it("are known again after others, as long as memory reaches", () => {
    const state = stateOf([failed], { limits: { signalsRemembered: 10 } });
    const list = Array.from({ length: 10 }, (_, n) => signal({ id: String(n) }));
    state.observe(list, NOW_MS);
    state.observe([signal({ id: "other" })], NOW_MS);
    const again = list.slice(1);
    expect(state.observe(again, NOW_MS)).toMatchObject({ accepted: 0, duplicates: 9 });
  });

  it("beyond that memory still count once", () => {
    const state = stateOf([failed], { limits: { signalsRemembered: 1 } });
    const list = Array.from({ length: 10 }, (_, n) => signal({ id: String(n) }));
    state.observe(list, NOW_MS);
    expect(state.observe(list, NOW_MS)).toMatchObject({ accepted: 10 });
    expect(seen(state, ANN).features).toEqual({ subject: { failed: 10 } });
  });
});

describe("open values", () => {
  const change = (type: "opened" | "closed", incident: string, timeMs: number): Signal =>
    signal({ id: `${type}${incident}`, type, timeMs, data: { incident } });

  it("outlast any number of others that were opened and closed", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([incidents], { meter });
    state.observe([change("opened", "long", NOW_MS - 5_000)], NOW_MS);
    for (let n = 0; n < 2_000; n += 1) {
      const timeMs = NOW_MS - 4_000 + n;
      state.observe([change("opened", `i${n}`, timeMs), change("closed", `i${n}`, timeMs)], NOW_MS);
    }
    expect(seen(state, ANN).features).toEqual({ global: { incidents: ["long"] } });
    expect(sumOf("stile_feature_open_values_dropped_total")).toBeGreaterThan(1_000);
    expect(sumOf("stile_feature_beside_bytes")).toBeLessThan(40_000);
  });

  it("do not reopen by an opening that comes after its closing was forgotten", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([incidents], { meter });
    state.observe([change("closed", "i1", NOW_MS)], NOW_MS);
    const laterMs = NOW_MS + 2 * DAY_MS;
    state.observe([change("opened", "i2", laterMs)], laterMs);
    state.observe([change("opened", "i1", NOW_MS - 1)], laterMs);
    expect(seen(state, ANN, laterMs).features).toEqual({ global: { incidents: ["i2"] } });
    expect(sumOf("stile_feature_openings_late_total")).toBe(1);
  });

  it("when all are open and too many, the first opened go", () => {
    const state = stateOf([incidents]);
    const list = Array.from({ length: 600 }, (_, n) => change("opened", `i${n}`, NOW_MS - 600 + n));
    state.observe(list, NOW_MS);
    expect(seen(state, ANN).features).toEqual({ global: { incidents: ["i598", "i599"] } });
  });
});

describe("the retention", () => {
  const recent = declared("subject.devices", "strings", {
    kind: "recent",
    signals: ["ok"],
    of: "device_id",
    most: 5,
  });
  const limits = { retentionS: 3_600 };
  const ok = (device: string, timeMs: number): Signal =>
    signal({ id: device, type: "ok", timeMs, data: { device_id: device } });

  it("ends a value for good, swept or not: the next signal begins anew", () => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf([recent, declared("subject.risk", "number")], { limits, meter });
    const midMs = NOW_MS + 1_000_000;
    const laterMs = NOW_MS + 3_600_001;
    state.observe([ok("d1", NOW_MS)], NOW_MS);
    const bytes = sumOf("stile_feature_beside_bytes");
    state.put([update({ eventTimeMs: midMs })], midMs);
    state.observe([ok("d2", laterMs)], laterMs);
    expect(seen(state, ANN, laterMs).features).toMatchObject({ subject: { devices: ["d2"] } });
    expect(sumOf("stile_feature_beside_bytes")).toBe(bytes);
  });

  it("counts from the latest signal, not from the one that came last", () => {
    const state = stateOf([recent], { limits });
    state.observe([ok("new", NOW_MS), ok("old", NOW_MS - 3_000_000)], NOW_MS);
    expect(seen(state, ANN, NOW_MS + 3_000_000).features).toEqual({
      subject: { devices: ["old", "new"] },
    });
  });

  it("is no shorter than a window", () => {
    const long = declared("subject.n", "number", { kind: "count", signals: ["s"], windowS: 7_200 });
    const state = stateOf([long], { limits });
    state.observe([signal({ type: "s", timeMs: NOW_MS - 7_000_000 })], NOW_MS);
    expect(seen(state, ANN).features).toEqual({ subject: { n: 1 } });
  });
});
