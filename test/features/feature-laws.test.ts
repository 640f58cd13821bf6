import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FeatureUpdate, Signal } from "../../src/core/features.ts";
import type { FeatureState } from "../../src/features/feature-state.ts";
import { ANN, declared, NOW_MS, seen, stateOf, update } from "./feature-fixtures.ts";

const WINDOW_MS = 60_000;
const MOST = 3;

const declarations = [
  declared("subject.failed", "number", { kind: "count", signals: ["failed"], windowS: 60 }),
  declared("subject.devices", "strings", {
    kind: "recent",
    signals: ["ok"],
    of: "value",
    most: MOST,
  }),
  declared("subject.open", "strings", {
    kind: "open",
    signal: "opened",
    closedBy: "closed",
    of: "value",
    most: MOST,
  }),
  declared("address.failed", "number", { kind: "count", signals: ["failed"], windowS: 60 }),
];
const QUERY = { ...ANN, address: "10.0.0.1" };

/** Signals of one id always tell the same, as the standard asks. */
const signals = fc
  .array(
    fc.record({
      type: fc.constantFrom("failed", "ok", "opened", "closed"),
      // Few times and values, so that they meet.
      agoMs: fc.oneof(fc.integer({ min: -2, max: 4 }), fc.integer({ min: 59_998, max: 60_001 })),
      value: fc.constantFrom("a", "b", "c", "d", "é"),
      ip: fc.constantFrom("10.0.0.1", "10.0.0.2"),
    }),
    { maxLength: 40, size: "max" },
  )
  .map((rows) =>
    rows.map(
      ({ type, agoMs, value, ip }, index): Signal => ({
        id: String(index),
        source: "test",
        type,
        timeMs: NOW_MS - agoMs,
        subject: "user:ann",
        data: { value, ip },
      }),
    ),
  );

/** The signals as a careless network delivers them, in calls of 1 to 4. */
const delivered = signals.chain((list) =>
  fc.record({
    list: fc.constant(list),
    order: fc
      .tuple(fc.shuffledSubarray(list, { minLength: list.length }), fc.subarray(list))
      .chain(([all, again]) => {
        const both = [...all, ...again];
        return fc.shuffledSubarray(both, { minLength: both.length });
      }),
    size: fc.integer({ min: 1, max: 4 }),
    remembered: fc.constantFrom(1, 100_000),
  }),
);

describe("features made from signals", () => {
  it("depend on what was told, not on the order, the grouping or the repetition", () => {
    fc.assert(
      fc.property(
        delivered,
        fc.integer({ min: 0, max: 61_000 }),
        ({ list, order, size, remembered }, laterMs) => {
          const told = stateOf(declarations, { limits: { signalsRemembered: remembered } });
          for (let at = 0; at < order.length; at += size) {
            told.observe(order.slice(at, at + size), NOW_MS);
          }
          expect(seen(told, QUERY, NOW_MS + laterMs).features).toEqual(
            expectedOf(list, NOW_MS + laterMs),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** The same, said as plainly as can be. */
function expectedOf(list: readonly Signal[], nowMs: number): unknown {
  const failed = list.filter(({ type }) => type === "failed");
  const isHeardOf = list.some(({ data }) => data["ip"] === "10.0.0.1");
  const failedHere = failed.filter(({ data }) => data["ip"] === "10.0.0.1");
  const lastSeen = new Map<string, number>();
  for (const one of list) {
    const value = valueOf(one);
    if (one.type === "ok") lastSeen.set(value, Math.max(lastSeen.get(value) ?? 0, one.timeMs));
  }
  const changes = list.filter(({ type }) => type === "opened" || type === "closed");
  const lastOpened = new Map<string, number>();
  for (const value of new Set(changes.map(valueOf))) {
    const own = changes.filter(({ data }) => data["value"] === value);
    const openedMs = Math.max(...own.map(({ type, timeMs }) => (type === "opened" ? timeMs : 0)));
    const closedMs = Math.max(...own.map(({ type, timeMs }) => (type === "closed" ? timeMs : 0)));
    if (openedMs > closedMs) lastOpened.set(value, openedMs);
  }
  return {
    subject: {
      ...(list.length > 0 && { failed: inWindow(failed, nowMs) }),
      ...(lastSeen.size > 0 && { devices: newestOf(lastSeen) }),
      ...(changes.length > 0 && { open: newestOf(lastOpened) }),
    },
    address: { ...(isHeardOf && { failed: inWindow(failedHere, nowMs) }) },
  };
}

function valueOf({ data }: Signal): string {
  const value = data["value"];
  if (typeof value !== "string") throw new TypeError("every signal here has a value");
  return value;
}

function inWindow(list: readonly Signal[], nowMs: number): number {
  return list.filter(({ timeMs }) => timeMs > nowMs - WINDOW_MS).length;
}

function newestOf(times: ReadonlyMap<string, number>): readonly string[] {
  return [...times]
    .sort(([a, aMs], [b, bMs]) => aMs - bMs || (a < b ? -1 : 1))
    .slice(-MOST)
    .map(([value]) => value);
}

describe("given features", () => {
  const names = ["flag", "number", "text"];
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  const given = [
    declared("subject.flag", "boolean"),
    declared("subject.number", "number"),
    declared("subject.text", "string"),
  ];
  const row = fc.oneof(
    fc.record({ name: fc.constant("flag"), value: fc.option(fc.boolean()) }),
    fc.record({ name: fc.constant("number"), value: fc.option(finite) }),
    fc.record({ name: fc.constant("text"), value: fc.option(fc.string({ unit: "grapheme" })) }),
  );
  /** Each with an event time of its own, the latest first. */
  const updates = fc
    .array(row, { maxLength: 30, size: "max" })
    .map((rows) =>
      rows.map((one, index): FeatureUpdate => update({ ...one, eventTimeMs: NOW_MS - index })),
    );
  const shuffled = updates.chain((list) =>
    fc.record({
      list: fc.constant(list),
      order: fc.shuffledSubarray(list, { minLength: list.length }),
    }),
  );

  it("are those of the latest event, in whatever order they came", () => {
    fc.assert(
      fc.property(shuffled, ({ list, order }) => {
        const state = stateOf(given);
        for (const one of order) state.put([one], NOW_MS);
        const latest = new Map<string, unknown>();
        for (const name of names) {
          const value = list.find((one) => one.name === name)?.value ?? null;
          // JSON has no -0.
          if (value !== null) latest.set(name, value === 0 ? 0 : value);
        }
        const features: unknown = { subject: Object.fromEntries(latest) };
        expect(seen(state, ANN).features).toEqual(features);
      }),
    );
  });

  it("come out of a put and of the topic alike", () => {
    fc.assert(
      fc.property(updates, (list) => {
        const put = stateOf(given);
        const materialised = stateOf(given);
        put.put(list, NOW_MS);
        expect(materialised.materialise(list, NOW_MS)).toEqual({
          accepted: list.length,
          leftOut: 0,
        });
        expect(textsOf(put)).toEqual(textsOf(materialised));
      }),
    );
  });
});

function textsOf(state: FeatureState): unknown {
  return state.snapshot(ANN, NOW_MS);
}
