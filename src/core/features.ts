import type { JsonObject } from "./json.ts";

export const ENTITIES = ["subject", "device", "session", "resource", "address", "global"] as const;
export type FeatureEntity = (typeof ENTITIES)[number];

export const FEATURE_TYPES = ["number", "boolean", "string", "strings"] as const;
export type FeatureType = (typeof FEATURE_TYPES)[number];
export type FeatureScalar = number | boolean | string | readonly string[];

/**
 * How a feature comes to be: given from outside, or made from signals.
 *
 * - `count`: signals of the types within a sliding window;
 * - `recent`: the last distinct values of an attribute of signals of the types, newest last;
 * - `open`: values of an attribute opened by one signal type and closed by another.
 */
export type FeatureMaking =
  | { readonly kind: "given" }
  | { readonly kind: "count"; readonly signals: readonly string[]; readonly windowS: number }
  | {
      readonly kind: "recent";
      readonly signals: readonly string[];
      readonly of: string;
      readonly most: number;
    }
  | {
      readonly kind: "open";
      readonly signal: string;
      readonly closedBy: string;
      readonly of: string;
      readonly most: number;
    };

/** One declared feature. */
export interface FeatureDeclaration {
  readonly entity: FeatureEntity;
  readonly name: string;
  readonly type: FeatureType;
  /** Older values are stale; the policy sees that they are. */
  readonly maxAgeS: number;
  readonly made: FeatureMaking;
}

/** The entities of one request, by which features are joined. "" where the request has none. */
export interface FeatureQuery {
  /** `type:id` */
  readonly subject: string;
  readonly device: string;
  readonly session: string;
  /** `type:id` */
  readonly resource: string;
  readonly address: string;
}

/**
 * What a decision reads, frozen at one instant, as JSON text: the policy's input is put together
 * as text, and nothing else on that path reads the values.
 */
export interface FeatureSnapshot {
  /** `{"<entity>":{"<name>":value}}`; no entry for a missing value. */
  readonly featuresText: string;
  /** `{"<entity>":{"<name>":{"age_ms","state"}}}`, an entry for each declared feature. */
  readonly freshnessText: string;
}

/** Reads features for decisions. */
export interface FeatureReader {
  /** Never waits, never throws. */
  snapshot(query: FeatureQuery, nowMs: number): FeatureSnapshot;
}

/** A ready feature value. */
export interface FeatureUpdate {
  readonly entity: FeatureEntity;
  /** "" for global. */
  readonly id: string;
  readonly name: string;
  /** null deletes. */
  readonly value: FeatureScalar | null;
  /** ms since the Unix epoch. An older value never replaces a newer. */
  readonly eventTimeMs: number;
}

/** Something that happened (CloudEvents 1.0 attributes). */
export interface Signal {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** ms since the Unix epoch. */
  readonly timeMs: number;
  /** `type:id`; "" for none. */
  readonly subject: string;
  readonly data: JsonObject;
}

/** Takes features and signals. */
export interface FeatureWriter {
  /**
   * Takes all updates or none.
   *
   * @returns a freshness token; a decision that carries it sees these values.
   * @throws StileError `undeclared_feature` or `invalid_request`, naming the first bad update.
   */
  put(updates: readonly FeatureUpdate[], nowMs: number): string;
  /**
   * Takes signals, each once by source and id.
   *
   * @throws StileError `invalid_request`, naming the first bad signal; none is then taken.
   */
  observe(
    signals: readonly Signal[],
    nowMs: number,
  ): { readonly accepted: number; readonly duplicates: number; readonly token: string };
}

/** One feature of an entity as a decision would read it. */
export interface FeatureReading {
  readonly name: string;
  /** undefined when missing. */
  readonly value: FeatureScalar | undefined;
  readonly ageMs: number | undefined;
  readonly state: "fresh" | "stale" | "missing";
}

/** Shows features to people. */
export interface FeatureInspector {
  /** @returns every declared feature of the entity, in order of name. */
  read(entity: FeatureEntity, id: string, nowMs: number): readonly FeatureReading[];
}
