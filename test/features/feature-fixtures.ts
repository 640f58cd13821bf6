import type {
  FeatureDeclaration,
  FeatureMaking,
  FeatureQuery,
  FeatureUpdate,
  Signal,
} from "../../src/core/features.ts";
import type { Log, Meter } from "../../src/core/telemetry.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import type { FeatureLimits } from "../../src/features/feature-limits.ts";
import { createFeatureState, type FeatureState } from "../../src/features/feature-state.ts";

/** An instant of the tests, ms since the Unix epoch. */
export const NOW_MS = Date.UTC(2026, 10, 24, 12);

export const NOBODY: FeatureQuery = {
  subject: "",
  device: "",
  session: "",
  resource: "",
  address: "",
};

export const ANN: FeatureQuery = { ...NOBODY, subject: "user:ann" };

/** @param path `entity.name` */
export function declared(
  path: string,
  type: FeatureDeclaration["type"],
  made: FeatureMaking = { kind: "given" },
  maxAgeS = 600,
): FeatureDeclaration {
  const dot = path.indexOf(".");
  const entity = entityOf(path.slice(0, dot));
  return { entity, name: path.slice(dot + 1), type, maxAgeS, made };
}

function entityOf(text: string): FeatureDeclaration["entity"] {
  switch (text) {
    case "subject":
    case "device":
    case "session":
    case "resource":
    case "address":
    case "global":
      return text;
    default:
      throw new TypeError(`no entity ${text}`);
  }
}

export function stateOf(
  declarations: readonly FeatureDeclaration[],
  parts: { limits?: Partial<FeatureLimits>; meter?: Meter; log?: Log } = {},
): FeatureState {
  return createFeatureState({ declarations, meter: silentMeter, log: silentLog, ...parts });
}

export function update(changes: Partial<FeatureUpdate>): FeatureUpdate {
  return {
    entity: "subject",
    id: "user:ann",
    name: "risk",
    value: 1,
    eventTimeMs: NOW_MS,
    ...changes,
  };
}

export function signal(changes: Partial<Signal>): Signal {
  return {
    id: "1",
    source: "idp",
    type: "login_failed",
    timeMs: NOW_MS,
    subject: "user:ann",
    data: {},
    ...changes,
  };
}

/** @returns what a decision would read, parsed. */
export function seen(
  state: FeatureState,
  query: FeatureQuery,
  nowMs = NOW_MS,
): { readonly features: unknown; readonly freshness: unknown } {
  const { featuresText, freshnessText } = state.snapshot(query, nowMs);
  return { features: JSON.parse(featuresText), freshness: JSON.parse(freshnessText) };
}

/** A meter whose sums can be read, by name. */
export function countingMeter(): {
  readonly meter: Meter;
  readonly sumOf: (name: string) => number;
} {
  const sums = new Map<string, number>();
  const meter: Meter = {
    ...silentMeter,
    counter: (name) => ({ add: (count) => void sums.set(name, (sums.get(name) ?? 0) + count) }),
    gauge: (name) => ({ set: (value) => void sums.set(name, value) }),
  };
  return { meter, sumOf: (name) => sums.get(name) ?? 0 };
}
