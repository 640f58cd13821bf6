import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type {
  FeatureDeclaration,
  FeatureEntity,
  FeatureQuery,
  FeatureUpdate,
  Signal,
} from "../../src/core/features.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { createFeatureState, type FeatureState } from "../../src/features/feature-state.ts";

/** One measured figure. */
export interface FeatureBenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const NOW_MS = Date.UTC(2026, 10, 24, 12);
const KINDS = ["subject", "device", "session", "address"] as const;
const SNAPSHOTS = 100_000;

/**
 * Measures the feature state: load, writes, snapshots and memory.
 *
 * @param entityCount in all, over four kinds, each with eight features.
 */
export function benchFeatures(entityCount = 1_000_000): Promise<readonly FeatureBenchRow[]> {
  const large = stateOf(eightOfEach());
  const before = usedBytes();
  const loadS = seconds(() => load(large, entityCount / KINDS.length));
  const bytes = (usedBytes() - before) / large.entityCount;
  const perKind = entityCount / KINDS.length;
  const pack = stateOf(packLike());
  const observed = observe(pack, 200_000);
  put(pack, 20_000);
  const rows = [
    { name: `load ${large.entityCount} entities of 8`, value: loadS, unit: "s" },
    { name: "put, calls of 100", value: putRate(large, perKind), unit: "updates/s" },
    { name: "observe, calls of 100, 4 features fed", value: observed, unit: "signals/s" },
    { name: "memory", value: bytes, unit: "bytes/entity" },
    ...snapshotRows("32 features of 4 entities, all", large, (n) => queryOf(n % perKind)),
    ...snapshotRows("32 features of 4 entities, hot", large, (n) => queryOf(n % 5_000)),
    ...snapshotRows("15 features of 5 entities, 20,000 each", pack, (n) => queryOf(n % 20_000)),
  ];
  return Promise.resolve(rows);
}

function stateOf(declarations: readonly FeatureDeclaration[]): FeatureState {
  const limits = { entitiesMax: 2_000_000 };
  return createFeatureState({ declarations, meter: silentMeter, log: silentLog, limits });
}

function eightOfEach(): readonly FeatureDeclaration[] {
  return KINDS.flatMap((entity) =>
    Array.from({ length: 8 }, (_, n) =>
      given(entity, `feature_${n}`, n % 4 === 3 ? "boolean" : "number"),
    ),
  );
}

function packLike(): readonly FeatureDeclaration[] {
  return [
    given("subject", "risk_score", "number"),
    given("subject", "impossible_travel", "boolean"),
    given("subject", "on_call", "boolean"),
    given("subject", "team", "string"),
    count("subject", "failed_logins_15m", "login_failed"),
    count("subject", "step_ups_1h", "step_up"),
    recent("subject", "known_devices", "device_id"),
    given("device", "known", "boolean"),
    given("device", "managed", "boolean"),
    given("device", "os", "string"),
    given("resource", "change_freeze", "boolean"),
    given("resource", "tier", "number"),
    count("address", "failed_logins_15m", "login_failed"),
    given("address", "country", "string"),
    count("global", "failed_logins_15m", "login_failed"),
  ];
}

function given(
  entity: FeatureEntity,
  name: string,
  type: FeatureDeclaration["type"],
): FeatureDeclaration {
  return { entity, name, type, maxAgeS: 3_600, made: { kind: "given" } };
}

function count(entity: FeatureEntity, name: string, signal: string): FeatureDeclaration {
  const made = { kind: "count", signals: [signal], windowS: 900 } as const;
  return { entity, name, type: "number", maxAgeS: 900, made };
}

function recent(entity: FeatureEntity, name: string, of: string): FeatureDeclaration {
  const made = { kind: "recent", signals: ["login_failed"], of, most: 8 } as const;
  return { entity, name, type: "strings", maxAgeS: 900, made };
}

function idOf(entity: FeatureEntity, n: number): string {
  if (entity === "subject") return `user:u-${n}`;
  if (entity === "resource") return `service:s-${n}`;
  return entity === "global" ? "" : `${entity}-${n}`;
}

/** Strings made anew, as they come from the wire: none has its hash yet. */
function queryOf(n: number): FeatureQuery {
  return {
    subject: idOf("subject", n),
    device: idOf("device", n),
    session: idOf("session", n),
    resource: idOf("resource", n),
    address: idOf("address", n),
  };
}

function updateOf(
  entity: FeatureEntity,
  n: number,
  { name, value }: { readonly name: string; readonly value: FeatureUpdate["value"] },
): FeatureUpdate {
  const eventTimeMs = NOW_MS - ((n * 7_919) % 5_000_000);
  return { entity, id: idOf(entity, n), name, value, eventTimeMs };
}

function eightUpdates(entity: FeatureEntity, n: number): FeatureUpdate[] {
  return Array.from({ length: 8 }, (_, index) => {
    const value = index % 4 === 3 ? n % 2 === 0 : ((n + index) % 1_000) / 1_000;
    return updateOf(entity, n, { name: `feature_${index}`, value });
  });
}

function load(state: FeatureState, perKind: number): void {
  for (const entity of KINDS) {
    for (let n = 0; n < perKind; n += 100) {
      const updates: FeatureUpdate[] = [];
      for (let at = n; at < n + 100; at += 1) updates.push(...eightUpdates(entity, at));
      state.materialise(updates, NOW_MS);
    }
  }
}

function putRate(state: FeatureState, perKind: number): number {
  const calls = Array.from({ length: 2_000 }, (_, call) =>
    Array.from({ length: 100 }, (_, index) => {
      const n = ((call * 100 + index) * 104_729) % perKind;
      const one = { name: `feature_${index % 3}`, value: index };
      return { ...updateOf("subject", n, one), eventTimeMs: NOW_MS };
    }),
  );
  const takenS = seconds(() => {
    for (const updates of calls) state.put(updates, NOW_MS);
  });
  return (calls.length * 100) / takenS;
}

function put(state: FeatureState, entityCount: number): void {
  for (let n = 0; n < entityCount; n += 1) {
    state.put(
      [
        updateOf("subject", n, { name: "risk_score", value: (n % 1_000) / 1_000 }),
        updateOf("subject", n, { name: "impossible_travel", value: false }),
        updateOf("subject", n, { name: "on_call", value: true }),
        updateOf("subject", n, { name: "team", value: "sre" }),
        updateOf("device", n, { name: "known", value: true }),
        updateOf("device", n, { name: "managed", value: true }),
        updateOf("device", n, { name: "os", value: "linux" }),
        updateOf("resource", n, { name: "change_freeze", value: false }),
        updateOf("resource", n, { name: "tier", value: 1 }),
        updateOf("address", n, { name: "country", value: "DE" }),
      ],
      NOW_MS,
    );
  }
}

function observe(state: FeatureState, signalCount: number): number {
  const calls = Array.from({ length: signalCount / 100 }, (_, call) =>
    Array.from({ length: 100 }, (_, index) => signalOf(call * 100 + index)),
  );
  const takenS = seconds(() => {
    for (const signals of calls) state.observe(signals, NOW_MS);
  });
  return signalCount / takenS;
}

function signalOf(n: number): Signal {
  const entity = (n * 104_729) % 20_000;
  return {
    id: `signal-${n}`,
    source: "bench",
    type: "login_failed",
    timeMs: NOW_MS - ((n * 7_919) % 1_000_000),
    subject: idOf("subject", entity),
    data: { ip: idOf("address", entity), device_id: `device-${n % 7}` },
  };
}

function snapshotRows(
  name: string,
  state: FeatureState,
  queryAt: (n: number) => FeatureQuery,
): readonly FeatureBenchRow[] {
  const queries = Array.from({ length: SNAPSHOTS }, (_, n) => queryAt(n * 104_729));
  const takenUs: number[] = [];
  for (const query of queries) {
    const start = performance.now();
    state.snapshot(query, NOW_MS);
    takenUs.push((performance.now() - start) * 1_000);
  }
  takenUs.sort((a, b) => a - b);
  return [0.5, 0.99].map((share) => ({
    name: `snapshot p${share * 100}, ${name}`,
    value: takenUs[Math.floor(takenUs.length * share)] ?? Number.NaN,
    unit: "µs",
  }));
}

function seconds(act: () => void): number {
  const start = performance.now();
  act();
  return (performance.now() - start) / 1_000;
}

function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
