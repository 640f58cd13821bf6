import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import type { FeatureDeclaration, FeatureUpdate, Signal } from "../../src/core/features.ts";
import {
  ANN,
  countingMeter,
  declared,
  NOW_MS,
  seen,
  signal,
  stateOf,
  update,
} from "./feature-fixtures.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const declarations: readonly FeatureDeclaration[] = [
  declared("subject.risk", "number"),
  declared("subject.on_call", "boolean"),
  declared("subject.team", "string"),
  declared("subject.tags", "strings"),
  declared("subject.failed", "number", { kind: "count", signals: ["login_failed"], windowS: 60 }),
  declared("subject.agents", "strings", {
    kind: "recent",
    signals: ["login_ok"],
    of: "agent",
    most: 4,
  }),
  declared("device.known", "boolean"),
  declared("resource.tier", "number"),
  declared("global.freeze", "boolean"),
];

/** As JSON from elsewhere may hold what the types rule out. */
function loose<T>(value: T, changes: object): T {
  return { ...value, ...changes };
}

const badUpdates: readonly (readonly [string, FeatureUpdate, string, RegExp])[] = [
  ["an undeclared name", update({ name: "riks" }), "name", /"subject\.riks" is declared by no/],
  ["an unknown entity", loose(update({}), { entity: "planet" }), "name", /"planet\.risk"/],
  ["a name that objects have", update({ name: "toString" }), "name", /declared by no/],
  ["a feature made from signals", update({ name: "failed" }), "name", /only given features/],
  ["a text for a number", update({ value: "1" }), "value", /finite number/],
  ["NaN", update({ value: Number.NaN }), "value", /finite number/],
  ["infinity", update({ value: Number.POSITIVE_INFINITY }), "value", /finite number/],
  ["a number for a boolean", update({ name: "on_call", value: 1 }), "value", /a boolean/],
  ["a list for a string", update({ name: "team", value: ["a"] }), "value", /a string of at most/],
  ["a string of 1,025", update({ name: "team", value: "x".repeat(1_025) }), "value", /1024/],
  ["half a surrogate pair", update({ name: "team", value: "\ud800" }), "value", /a string/],
  ["a string for strings", update({ name: "tags", value: "x" }), "value", /list of at most 64/],
  ["65 items", update({ name: "tags", value: Array(65).fill("x") }), "value", /64/],
  ["an item of 257", update({ name: "tags", value: ["x".repeat(257)] }), "value", /256/],
  ["a number among strings", loose(update({}), { name: "tags", value: ["x", 1] }), "value", /list/],
  ["undefined", loose(update({}), { value: undefined }), "value", /finite number/],
  ["an object", loose(update({}), { value: {} }), "value", /finite number/],
  ["no subject", update({ id: "" }), "id", /"type:id"/],
  ["a subject without a type", update({ id: "ann" }), "id", /"type:id"/],
  ["a subject with an empty type", update({ id: ":ann" }), "id", /"type:id"/],
  ["a subject with an empty id", update({ id: "user:" }), "id", /"type:id"/],
  ["an id of 513 bytes", update({ id: `user:${"é".repeat(254)}` }), "id", /1 to 512 bytes/],
  ["no device", update({ entity: "device", name: "known", id: "", value: true }), "id", /1 to 512/],
  [
    "an id for global",
    update({ entity: "global", name: "freeze", id: "x", value: true }),
    "id",
    /empty/,
  ],
  [
    "a resource without a type",
    update({ entity: "resource", name: "tier", id: "x" }),
    "id",
    /type:id/,
  ],
  [
    "more than an hour ahead",
    update({ eventTimeMs: NOW_MS + HOUR_MS + 1 }),
    "event_time",
    /accepted/,
  ],
  [
    "past the retention",
    update({ eventTimeMs: NOW_MS - 90 * DAY_MS - 1 }),
    "event_time",
    /accepted/,
  ],
  ["a fraction of a ms", update({ eventTimeMs: NOW_MS - 0.5 }), "event_time", /whole ms/],
  ["no time", update({ eventTimeMs: Number.NaN }), "event_time", /NaN/],
  ["time 0", update({ eventTimeMs: 0 }), "event_time", /1970-01-01/],
];

const badSignals: readonly (readonly [string, Signal, string, RegExp])[] = [
  ["no id", signal({ id: "" }), "id", /1 to 512 bytes/],
  ["an id of 513 bytes", signal({ id: "x".repeat(513) }), "id", /512/],
  ["no source", signal({ source: "" }), "source", /512/],
  ["no type", signal({ type: "" }), "type", /512/],
  ["a subject without a type", signal({ subject: "ann" }), "subject", /type:id/],
  ["more than an hour ahead", signal({ timeMs: NOW_MS + HOUR_MS + 1 }), "time", /accepted/],
  ["past the retention", signal({ timeMs: NOW_MS - 90 * DAY_MS - 1 }), "time", /accepted/],
  ["a device that is a number", signal({ data: { device_id: 7 } }), "data.device_id", /a string/],
  ["a session that is a list", signal({ data: { session_id: [] } }), "data.session_id", /a string/],
  ["an ip too long", signal({ data: { ip: "1".repeat(513) } }), "data.ip", /512/],
  ["a resource without a type", signal({ data: { resource: "pay" } }), "data.resource", /type:id/],
  [
    "an attribute that is read and a list",
    signal({ type: "login_ok", data: { agent: [] } }),
    "data.agent",
    /number or a boolean/,
  ],
  [
    "an attribute that is read and too long",
    signal({ type: "login_ok", data: { agent: "x".repeat(257) } }),
    "data.agent",
    /256/,
  ],
  [
    "an attribute that is half a pair",
    signal({ type: "login_ok", data: { agent: "\udc00" } }),
    "data.agent",
    /string/,
  ],
];

const badDeclarations: readonly (readonly [string, FeatureDeclaration, RegExp])[] = [
  ["no name", declared("subject.", "number"), /name/],
  [
    "a count that is no number",
    declared("subject.x", "strings", { kind: "count", signals: ["s"], windowS: 1 }),
    /count is a number/,
  ],
  [
    "a window of 0",
    declared("subject.x", "number", { kind: "count", signals: ["s"], windowS: 0 }),
    /window/,
  ],
  [
    "a window of no number",
    declared("subject.x", "number", { kind: "count", signals: ["s"], windowS: Number.NaN }),
    /window/,
  ],
  [
    "a count of nothing",
    declared("subject.x", "number", { kind: "count", signals: [""], windowS: 1 }),
    /signal types/,
  ],
  [
    "recent values that are a number",
    declared("subject.x", "number", { kind: "recent", signals: ["s"], of: "a", most: 1 }),
    /strings/,
  ],
  [
    "no recent values",
    declared("subject.x", "strings", { kind: "recent", signals: ["s"], of: "a", most: 0 }),
    /most/,
  ],
  [
    "too many recent values",
    declared("subject.x", "strings", { kind: "recent", signals: ["s"], of: "a", most: 1_001 }),
    /most/,
  ],
  [
    "open values that are a number",
    declared("subject.x", "number", { kind: "open", signal: "s", closedBy: "t", of: "a", most: 1 }),
    /strings/,
  ],
  [
    "one signal to open and close",
    declared("subject.x", "strings", {
      kind: "open",
      signal: "s",
      closedBy: "s",
      of: "a",
      most: 1,
    }),
    /open and close/,
  ],
  ["a maximum age of 0", declared("subject.x", "number", { kind: "given" }, 0), /max age/],
  [
    "a maximum age beyond ten years",
    declared("subject.x", "number", { kind: "given" }, 315_360_001),
    /max age/,
  ],
  ["an unknown entity", loose(declared("subject.x", "number"), { entity: "planet" }), /entity/],
  ["an unknown type", loose(declared("subject.x", "number"), { type: "date" }), /type/],
];

describe("refusing", () => {
  it.each(badUpdates)("an update with %s names it, and takes none", (_, bad, field, pattern) => {
    const state = stateOf(declarations);
    const error = thrownBy(() => state.put([update({ value: 5 }), bad], NOW_MS));
    expect(error.code).toBe(
      field === "name" && !/made/.test(error.message) ? "undeclared_feature" : "invalid_request",
    );
    expect(error.message).toMatch(pattern);
    expect(error.violations.map((violation) => violation.field)).toEqual([`updates[1].${field}`]);
    expect(error.violations[0]?.description).toMatch(pattern);
    expect(state.entityCount).toBe(0);
    expect(state.sequence).toBe(0);
  });

  it.each(badUpdates)("of %s on the topic leaves it out and counts it", (_, bad) => {
    const { meter, sumOf } = countingMeter();
    const state = stateOf(declarations, { meter });
    const answer = state.materialise([bad, update({ value: 5 })], NOW_MS);
    expect(answer).toEqual({ accepted: 1, leftOut: 1 });
    expect(sumOf("stile_feature_updates_left_out_total")).toBe(1);
    expect(seen(state, ANN).features).toMatchObject({ subject: { risk: 5 } });
  });

  it.each(badSignals)("a signal with %s names it, and takes none", (_, bad, field, pattern) => {
    const state = stateOf(declarations);
    const good = signal({ id: "good" });
    const error = thrownBy(() => state.observe([good, bad], NOW_MS));
    expect(error.code).toBe("invalid_request");
    expect(error.violations.map((violation) => violation.field)).toEqual([`signals[1].${field}`]);
    expect(error.violations[0]?.description).toMatch(pattern);
    expect(state.entityCount).toBe(0);
    expect(state.observe([good], NOW_MS)).toMatchObject({ accepted: 1 });
  });

  it.each(badDeclarations)("a declaration with %s says which", (_, bad, pattern) => {
    const error = thrownBy(() => stateOf([declared("global.ok", "number"), bad]));
    expect(error.code).toBe("bundle_invalid");
    expect(error.message).toMatch(/^features\[1\]/);
    expect(error.message).toMatch(pattern);
  });

  it.each([
    ["an event an hour ahead", update({ eventTimeMs: NOW_MS + HOUR_MS })],
    ["an event as old as the retention", update({ eventTimeMs: NOW_MS - 90 * DAY_MS })],
    ["an id of 512 bytes", update({ id: `user:${"x".repeat(507)}` })],
    ["a string of 1,024", update({ name: "team", value: "x".repeat(1_024) })],
    ["64 items of 256", update({ name: "tags", value: Array(64).fill("x".repeat(256)) })],
  ])("stops short of %s", (_, good) => {
    const state = stateOf(declarations);
    state.put([good], NOW_MS);
    expect(state.entityCount).toBe(1);
  });
});

function thrownBy(act: () => unknown): StileError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof StileError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}
