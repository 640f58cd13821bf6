import { describe, expect, it } from "vitest";
import type { FeatureDeclaration, FeatureUpdate, Signal } from "../../src/core/features.ts";
import {
  ANN,
  declared,
  NOBODY,
  NOW_MS,
  seen,
  signal,
  stateOf,
  update,
} from "./feature-fixtures.ts";

const failed = declared("subject.failed", "number", {
  kind: "count",
  signals: ["login_failed"],
  windowS: 60,
});
const devices = declared("subject.devices", "strings", {
  kind: "recent",
  signals: ["login_ok"],
  of: "device_id",
  most: 2,
});
const incidents = declared("global.incidents", "strings", {
  kind: "open",
  signal: "incident_opened",
  closedBy: "incident_closed",
  of: "incident",
  most: 3,
});

const FRESH_NOW = { age_ms: 0, state: "fresh" };
const MISSING = { state: "missing" };

interface Case {
  readonly name: string;
  readonly declarations: readonly FeatureDeclaration[];
  readonly updates?: readonly FeatureUpdate[];
  readonly signals?: readonly Signal[];
  readonly atMs?: number;
  readonly features: unknown;
  readonly freshness: unknown;
}

const opened = (incident: string, timeMs: number): Signal =>
  signal({ id: `o${incident}${timeMs}`, type: "incident_opened", timeMs, data: { incident } });
const closed = (incident: string, timeMs: number): Signal =>
  signal({ id: `c${incident}${timeMs}`, type: "incident_closed", timeMs, data: { incident } });
const failedAt = (timeMs: number, id = String(timeMs)): Signal => signal({ id, timeMs });
const loginFrom = (device: string, timeMs: number): Signal =>
  signal({ id: `${device}${timeMs}`, type: "login_ok", timeMs, data: { device_id: device } });

const cases: readonly Case[] = [
  {
    name: "knows that one of whom signals were heard has failed no sign-in",
    declarations: [failed, devices],
    signals: [loginFrom("d1", NOW_MS - 1_000)],
    features: { subject: { devices: ["d1"], failed: 0 } },
    freshness: { subject: { devices: FRESH_NOW, failed: FRESH_NOW } },
  },
  {
    name: "counts signals of several types together",
    declarations: [
      declared("subject.failed", "number", {
        kind: "count",
        signals: ["login_failed", "login_ok"],
        windowS: 60,
      }),
    ],
    signals: [failedAt(NOW_MS - 2_000), loginFrom("d1", NOW_MS - 1_000)],
    features: { subject: { failed: 2 } },
    freshness: { subject: { failed: FRESH_NOW } },
  },
  {
    name: "declares nothing, reads nothing",
    declarations: [],
    features: {},
    freshness: {},
  },
  {
    name: "a feature never given is missing",
    declarations: [declared("subject.risk", "number")],
    features: { subject: {} },
    freshness: { subject: { risk: MISSING } },
  },
  {
    name: "values of every type, in order of name",
    declarations: [
      declared("subject.risk", "number"),
      declared("subject.on_call", "boolean"),
      declared("subject.team", "string"),
      declared("subject.tags", "strings"),
    ],
    updates: [
      update({ name: "risk", value: -0.5 }),
      update({ name: "on_call", value: false }),
      update({ name: "team", value: 'a "b" \u{1f600}\n' }),
      update({ name: "tags", value: ["x", ""] }),
    ],
    features: {
      subject: { on_call: false, risk: -0.5, tags: ["x", ""], team: 'a "b" \u{1f600}\n' },
    },
    freshness: {
      subject: { on_call: FRESH_NOW, risk: FRESH_NOW, tags: FRESH_NOW, team: FRESH_NOW },
    },
  },
  {
    name: "a value at its maximum age is fresh",
    declarations: [declared("subject.risk", "number")],
    updates: [update({})],
    atMs: NOW_MS + 600_000,
    features: { subject: { risk: 1 } },
    freshness: { subject: { risk: { age_ms: 600_000, state: "fresh" } } },
  },
  {
    name: "an older value still shows, as stale",
    declarations: [declared("subject.risk", "number")],
    updates: [update({})],
    atMs: NOW_MS + 600_001,
    features: { subject: { risk: 1 } },
    freshness: { subject: { risk: { age_ms: 600_001, state: "stale" } } },
  },
  {
    name: "a value past the retention is missing",
    declarations: [declared("subject.risk", "number")],
    updates: [update({})],
    atMs: NOW_MS + 90 * 86_400_000 + 1,
    features: { subject: {} },
    freshness: { subject: { risk: MISSING } },
  },
  {
    name: "a value from ahead of the clock has age 0",
    declarations: [declared("subject.risk", "number")],
    updates: [update({ eventTimeMs: NOW_MS + 5_000 })],
    features: { subject: { risk: 1 } },
    freshness: { subject: { risk: FRESH_NOW } },
  },
  {
    name: "an older event never replaces a newer",
    declarations: [declared("subject.team", "string")],
    updates: [
      update({ name: "team", value: "new", eventTimeMs: NOW_MS - 1 }),
      update({ name: "team", value: "old", eventTimeMs: NOW_MS - 2 }),
    ],
    features: { subject: { team: "new" } },
    freshness: { subject: { team: { age_ms: 1, state: "fresh" } } },
  },
  {
    name: "of one event time the later write holds",
    declarations: [declared("subject.team", "string")],
    updates: [update({ name: "team", value: "first" }), update({ name: "team", value: "second" })],
    features: { subject: { team: "second" } },
    freshness: { subject: { team: FRESH_NOW } },
  },
  {
    name: "null deletes, and what is older does not come back",
    declarations: [declared("subject.risk", "number")],
    updates: [
      update({ value: null, eventTimeMs: NOW_MS - 1 }),
      update({ value: 2, eventTimeMs: NOW_MS - 2 }),
    ],
    features: { subject: {} },
    freshness: { subject: { risk: MISSING } },
  },
  {
    name: "what is newer than a deletion stands",
    declarations: [declared("subject.risk", "number")],
    updates: [
      update({ value: null, eventTimeMs: NOW_MS - 2 }),
      update({ value: 2, eventTimeMs: NOW_MS - 1 }),
    ],
    features: { subject: { risk: 2 } },
    freshness: { subject: { risk: { age_ms: 1, state: "fresh" } } },
  },
  {
    name: "another subject's values do not show",
    declarations: [declared("subject.risk", "number")],
    updates: [update({ id: "user:bob" })],
    features: { subject: {} },
    freshness: { subject: { risk: MISSING } },
  },
  {
    name: "global features need no id",
    declarations: [declared("global.freeze", "boolean")],
    updates: [update({ entity: "global", id: "", name: "freeze", value: true })],
    features: { global: { freeze: true } },
    freshness: { global: { freeze: FRESH_NOW } },
  },
  {
    name: "a count without any signal is missing",
    declarations: [failed],
    features: { subject: {} },
    freshness: { subject: { failed: MISSING } },
  },
  {
    name: "a count counts what is within the window, whatever the order",
    declarations: [failed],
    signals: [-30_000, -59_999, -60_000, -90_000, 0].map((at) => failedAt(NOW_MS + at)),
    features: { subject: { failed: 3 } },
    freshness: { subject: { failed: FRESH_NOW } },
  },
  {
    name: "a count goes down to 0 and stays fresh",
    declarations: [failed],
    signals: [failedAt(NOW_MS)],
    atMs: NOW_MS + 3_600_000,
    features: { subject: { failed: 0 } },
    freshness: { subject: { failed: FRESH_NOW } },
  },
  {
    name: "two signals of one millisecond are two",
    declarations: [failed],
    signals: [failedAt(NOW_MS, "a"), failedAt(NOW_MS, "b"), failedAt(NOW_MS, "a")],
    features: { subject: { failed: 2 } },
    freshness: { subject: { failed: FRESH_NOW } },
  },
  {
    name: "a signal a little ahead of the clock counts at once",
    declarations: [failed],
    signals: [failedAt(NOW_MS + 1_000)],
    features: { subject: { failed: 1 } },
    freshness: { subject: { failed: FRESH_NOW } },
  },
  {
    name: "a signal of another type feeds nothing",
    declarations: [failed],
    signals: [signal({ type: "login_ok" })],
    features: { subject: {} },
    freshness: { subject: { failed: MISSING } },
  },
  {
    name: "recent values are the last distinct ones, newest last",
    declarations: [devices],
    signals: [
      loginFrom("a", NOW_MS - 4),
      loginFrom("b", NOW_MS - 3),
      loginFrom("a", NOW_MS - 2),
      loginFrom("c", NOW_MS - 1),
    ],
    features: { subject: { devices: ["a", "c"] } },
    freshness: { subject: { devices: FRESH_NOW } },
  },
  {
    name: "a number counts as text among recent values, no attribute as no signal",
    declarations: [
      { ...devices, made: { kind: "recent", signals: ["login_ok"], of: "asn", most: 2 } },
    ],
    signals: [
      signal({ id: "1", type: "login_ok", data: { asn: 64_496 } }),
      signal({ id: "2", type: "login_ok", data: {} }),
      signal({ id: "3", type: "login_ok", data: { asn: null } }),
    ],
    features: { subject: { devices: ["64496"] } },
    freshness: { subject: { devices: FRESH_NOW } },
  },
  {
    name: "what was closed is not open, in whatever order it was told",
    declarations: [incidents],
    signals: [
      closed("i1", NOW_MS - 10),
      opened("i1", NOW_MS - 20),
      opened("i2", NOW_MS - 15),
      opened("i3", NOW_MS - 30),
    ],
    features: { global: { incidents: ["i3", "i2"] } },
    freshness: { global: { incidents: FRESH_NOW } },
  },
  {
    name: "what was opened and closed at one time is closed",
    declarations: [incidents],
    signals: [closed("i1", NOW_MS), opened("i1", NOW_MS)],
    features: { global: { incidents: [] } },
    freshness: { global: { incidents: FRESH_NOW } },
  },
  {
    name: "what was opened again is open",
    declarations: [incidents],
    signals: [opened("i1", NOW_MS - 3), opened("i1", NOW_MS - 1), closed("i1", NOW_MS - 2)],
    features: { global: { incidents: ["i1"] } },
    freshness: { global: { incidents: FRESH_NOW } },
  },
  {
    name: "of more open values than declared the latest opened show",
    declarations: [incidents],
    signals: [1, 2, 3, 4].map((n) => opened(`i${n}`, NOW_MS - 10 + n)),
    features: { global: { incidents: ["i2", "i3", "i4"] } },
    freshness: { global: { incidents: FRESH_NOW } },
  },
];

describe("a snapshot", () => {
  it.each(cases)("$name", ({ declarations, updates, signals, atMs, features, freshness }) => {
    const state = stateOf(declarations);
    if (updates !== undefined) state.put(updates, NOW_MS);
    if (signals !== undefined) state.observe(signals, NOW_MS);
    expect(seen(state, ANN, atMs)).toEqual({ features, freshness });
  });

  it("joins each kind of entity by its own id, and none where the request has none", () => {
    const entities = ["subject", "device", "session", "resource", "address", "global"] as const;
    const state = stateOf(
      entities.map((entity) =>
        declared(`${entity}.n`, "number", { kind: "count", signals: ["seen"], windowS: 60 }),
      ),
    );
    const data = { device_id: "d", session_id: "s", ip: "10.0.0.1", resource: "service:pay" };
    state.observe([signal({ id: "1", type: "seen", data })], NOW_MS);
    state.observe([signal({ id: "2", type: "seen", subject: "", data: {} })], NOW_MS);
    const query = {
      subject: "user:ann",
      device: "d",
      session: "s",
      resource: "service:pay",
      address: "10.0.0.1",
    };
    const one = { n: 1 };
    expect(seen(state, query).features).toEqual({
      subject: one,
      device: one,
      session: one,
      resource: one,
      address: one,
      global: { n: 2 },
    });
    expect(seen(state, NOBODY).features).toEqual({
      subject: {},
      device: {},
      session: {},
      resource: {},
      address: {},
      global: { n: 2 },
    });
  });

  it("reads the same text whatever the order of the declarations", () => {
    const list = [failed, devices, incidents, declared("subject.risk", "number")];
    const texts = [list, list.toReversed()].map((declarations) => {
      const state = stateOf(declarations);
      state.put([update({})], NOW_MS);
      return state.snapshot(ANN, NOW_MS);
    });
    expect(texts[0]).toEqual(texts[1]);
  });

  it("knows names that objects have of themselves", () => {
    const state = stateOf([
      declared("subject.__proto__", "number"),
      declared("subject.constructor", "string"),
    ]);
    state.put([update({ name: "__proto__", value: 7 })], NOW_MS);
    expect(state.snapshot(ANN, NOW_MS).featuresText).toBe('{"subject":{"__proto__":7}}');
  });
});

describe("reading one entity", () => {
  it("lists every declared feature in order of name", () => {
    const state = stateOf([
      declared("subject.tags", "strings"),
      declared("subject.risk", "number"),
      devices,
    ]);
    state.put([update({ name: "tags", value: ["x"], eventTimeMs: NOW_MS - 600_001 })], NOW_MS);
    state.observe([loginFrom("a", NOW_MS - 5)], NOW_MS);
    expect(state.read("subject", "user:ann", NOW_MS)).toEqual([
      { name: "devices", value: ["a"], ageMs: 0, state: "fresh" },
      { name: "risk", value: undefined, ageMs: undefined, state: "missing" },
      { name: "tags", value: ["x"], ageMs: 600_001, state: "stale" },
    ]);
    expect(state.read("subject", "user:bob", NOW_MS).map((row) => row.state)).toEqual([
      "missing",
      "missing",
      "missing",
    ]);
    expect(state.read("device", "d", NOW_MS)).toEqual([]);
  });
});

describe("new declarations", () => {
  const risk = declared("subject.risk", "number");
  const team = declared("subject.team", "string");

  it("keep the values of features that go on", () => {
    const state = stateOf([risk, team, failed, devices, incidents]);
    state.put([update({}), update({ name: "team", value: "sre" })], NOW_MS);
    state.observe([failedAt(NOW_MS), loginFrom("a", NOW_MS), opened("i1", NOW_MS)], NOW_MS);
    state.redeclare([
      incidents,
      declared("subject.alpha", "boolean"),
      { ...devices, made: { kind: "recent", signals: ["login_ok"], of: "device_id", most: 1 } },
      { ...failed, maxAgeS: 5 },
      team,
    ]);
    state.observe([failedAt(NOW_MS + 1), loginFrom("b", NOW_MS + 1)], NOW_MS);
    expect(seen(state, ANN).features).toEqual({
      subject: { devices: ["b"], failed: 2, team: "sre" },
      global: { incidents: ["i1"] },
    });
  });

  it.each([
    ["its type", declared("subject.risk", "string")],
    [
      "what makes it",
      declared("subject.risk", "number", { kind: "count", signals: ["s"], windowS: 1 }),
    ],
  ])("drop the values of a feature that changed %s", (_, changed) => {
    const state = stateOf([risk, team]);
    state.put([update({}), update({ name: "team", value: "sre" })], NOW_MS);
    state.redeclare([changed, team]);
    expect(seen(state, ANN).features).toEqual({ subject: { team: "sre" } });
  });

  it("are kept out when one is bad, and those before stay in force", () => {
    const state = stateOf([risk]);
    state.put([update({})], NOW_MS);
    expect(() => state.redeclare([team, team])).toThrow(/declared twice/);
    expect(seen(state, ANN).features).toEqual({ subject: { risk: 1 } });
  });
});

describe("signals", () => {
  it("are taken once by source and id", () => {
    const state = stateOf([failed]);
    const first = state.observe([failedAt(NOW_MS, "1"), failedAt(NOW_MS, "1")], NOW_MS);
    const other = signal({ id: "1", source: "vpn" });
    const second = state.observe([failedAt(NOW_MS, "1"), other], NOW_MS);
    expect([first, second]).toMatchObject([
      { accepted: 1, duplicates: 1 },
      { accepted: 1, duplicates: 1 },
    ]);
    expect(seen(state, ANN).features).toEqual({ subject: { failed: 2 } });
  });

  it("are not mistaken for others whose source and id read the same run together", () => {
    const state = stateOf([failed]);
    const answer = state.observe(
      [signal({ source: "a", id: "bc" }), signal({ source: "ab", id: "c" })],
      NOW_MS,
    );
    expect(answer).toMatchObject({ accepted: 2, duplicates: 0 });
  });
});

describe("freshness tokens", () => {
  it("name a write that is in, and not one to come", () => {
    const state = stateOf([declared("subject.risk", "number"), failed]);
    const put = state.put([update({})], NOW_MS);
    const { token } = state.observe([failedAt(NOW_MS)], NOW_MS);
    expect(state.sequence).toBe(2);
    expect([put, token].map((text) => state.applied(text))).toEqual([true, true]);
    const next = token.replace(/2$/, "3");
    expect(state.applied(next)).toBe(false);
    state.put([update({})], NOW_MS);
    expect(state.applied(next)).toBe(true);
  });

  it("of a call that took nothing name the write before", () => {
    const state = stateOf([failed]);
    const first = state.observe([failedAt(NOW_MS)], NOW_MS).token;
    expect(state.observe([failedAt(NOW_MS)], NOW_MS).token).toBe(first);
    expect(state.put([], NOW_MS)).toBe(first);
  });

  it("of another instance are not in", () => {
    const token = stateOf([failed]).observe([failedAt(NOW_MS)], NOW_MS).token;
    const state = stateOf([failed]);
    state.observe([failedAt(NOW_MS)], NOW_MS);
    expect(state.applied(token)).toBe(false);
  });

  it.each([
    "",
    "x",
    "f1.",
    "f1.0123456789ab.",
    "f1.0123456789ab.-1",
    "f1.0123456789ab.01",
    "F1.0123456789ab.1",
    "f1.0123456789ab.zzzzzzzzzzz",
    "f1.0123456789ab.1 ",
    "f2.0123456789ab.1",
  ])("that no write answered with are refused: %j", (text) => {
    expect(() => stateOf([]).applied(text)).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });
});
