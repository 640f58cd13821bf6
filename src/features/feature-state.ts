import { randomBytes } from "node:crypto";
import type {
  FeatureDeclaration,
  FeatureEntity,
  FeatureQuery,
  FeatureReader,
  FeatureScalar,
  FeatureSnapshot,
  FeatureUpdate,
  FeatureWriter,
  Signal,
} from "../core/features.ts";
import type { Log, Meter } from "../core/telemetry.ts";
import type { Feeding } from "./cells.ts";
import { EntityRoom, entityCount } from "./entity-room.ts";
import {
  type EventSpan,
  errorFromFault,
  type Fault,
  findSignalFault,
  findUpdateFault,
} from "./feature-checks.ts";
import { DEFAULT_FEATURE_LIMITS, type FeatureLimits } from "./feature-limits.ts";
import { createFeatureMetrics, type FeatureMetrics } from "./feature-metrics.ts";
import { createFeatureTables, entityIdFromQuery, type FeatureTables } from "./feature-tables.ts";
import { textFromToken, tokenFromText } from "./freshness-token.ts";
import { entityIdFromSignal, type Feed, feedValue } from "./signal-feeds.ts";
import { hashOf, SignalMemory, signalName } from "./signal-memory.ts";

export interface FeatureStateParts {
  readonly declarations: readonly FeatureDeclaration[];
  readonly meter: Meter;
  readonly log: Log;
  /** Bounds that differ from the default ones. */
  readonly limits?: Partial<FeatureLimits>;
}

/** One feature of one entity, as a decision reads it. */
export interface FeatureView {
  readonly name: string;
  /** undefined when missing. */
  readonly value: FeatureScalar | undefined;
  /** ms; undefined when missing. */
  readonly ageMs: number | undefined;
  readonly state: "fresh" | "stale" | "missing";
}

/** @throws StileError `bundle_invalid` for declarations that cannot be kept. */
export function createFeatureState(parts: FeatureStateParts): FeatureState {
  return new FeatureState(parts);
}

/** The features of all entities, in memory. Nothing here waits. */
export class FeatureState implements FeatureReader, FeatureWriter {
  readonly #instance = randomBytes(6).toString("hex");
  readonly #limits: FeatureLimits;
  readonly #metrics: FeatureMetrics;
  readonly #log: Log;
  readonly #signals: SignalMemory;
  readonly #room: EntityRoom;
  #tables: FeatureTables;
  #sequence = 0;

  constructor({ declarations, meter, log, limits }: FeatureStateParts) {
    this.#limits = { ...DEFAULT_FEATURE_LIMITS, ...limits };
    this.#metrics = createFeatureMetrics(meter);
    this.#log = log;
    this.#room = new EntityRoom(this.#limits, this.#metrics);
    this.#signals = new SignalMemory(this.#limits.signalsRemembered);
    this.#tables = this.#tablesFor(declarations, undefined);
  }

  /** Number of the last write that took something; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  get entityCount(): number {
    return entityCount(this.#tables);
  }

  snapshot(query: FeatureQuery, nowMs: number): FeatureSnapshot {
    const { declared, keptMs } = this.#tables;
    let featuresText = "{";
    let freshnessText = "{";
    for (const table of declared) {
      if (featuresText !== "{") {
        featuresText += ",";
        freshnessText += ",";
      }
      featuresText += table.openText;
      freshnessText += table.openText;
      const id = entityIdFromQuery(query, table.entity);
      const slot = id === undefined ? -1 : table.find(id);
      if (slot >= 0) {
        featuresText += `${table.featuresText(slot, nowMs, keptMs)}}`;
        freshnessText += `${table.freshnessText(slot, nowMs, keptMs)}}`;
      } else {
        featuresText += "}";
        freshnessText += `${table.missingText}}`;
      }
    }
    return { featuresText: `${featuresText}}`, freshnessText: `${freshnessText}}` };
  }

  /** @returns the features of one entity in order of name. */
  read(entity: FeatureEntity, id: string, nowMs: number): readonly FeatureView[] {
    const { byEntity, keptMs } = this.#tables;
    const table = byEntity.get(entity);
    if (table === undefined) return [];
    const slot = table.find(id);
    return table.columns.map((column, index) => {
      const { name } = column.declaration;
      const timeMs = slot < 0 ? 0 : table.timeMs(slot, index);
      if (timeMs <= 0 || nowMs - timeMs > keptMs) {
        return { name, value: undefined, ageMs: undefined, state: "missing" };
      }
      const value = scalarFromText(column.cell.text(table.raw(slot, index), nowMs));
      const ageMs = column.made === undefined ? Math.max(0, Math.floor(nowMs - timeMs)) : 0;
      return { name, value, ageMs, state: ageMs > column.maxAgeMs ? "stale" : "fresh" };
    });
  }

  /**
   * Of two values of one event time, the one put later holds; within one call, the later in the
   * list. Replicas agree, as they read one entity's values in one order.
   */
  put(updates: readonly FeatureUpdate[], nowMs: number): string {
    this.check(updates, nowMs);
    for (const update of updates) this.#take(update);
    return this.#written(updates.length, nowMs);
  }

  /**
   * Looks at updates without taking them, so that none goes to a topic that `put` would refuse.
   *
   * @throws StileError as `put`.
   */
  check(updates: readonly FeatureUpdate[], nowMs: number): void {
    const span = this.#span(nowMs);
    for (const [index, update] of updates.entries()) {
      const fault = this.#updateFault(update, span);
      if (fault !== undefined) throw errorFromFault("updates", index, fault);
    }
  }

  /**
   * Takes values read back from the topic. Unlike `put` it leaves out what it cannot take, and
   * counts it: one bad record must not stop a topic.
   */
  materialise(
    updates: readonly FeatureUpdate[],
    nowMs: number,
  ): { readonly accepted: number; readonly leftOut: number } {
    const span = this.#span(nowMs);
    let leftOut = 0;
    let first: Fault | undefined;
    for (const update of updates) {
      const fault = this.#updateFault(update, span);
      if (fault === undefined) this.#take(update);
      else {
        leftOut += 1;
        first ??= fault;
      }
    }
    if (first !== undefined) {
      this.#metrics.leftOut.add(leftOut);
      const { field, description } = first;
      this.#log.warn("feature_updates_left_out", { leftOut, field, description });
    }
    this.#written(updates.length - leftOut, nowMs);
    return { accepted: updates.length - leftOut, leftOut };
  }

  observe(
    signals: readonly Signal[],
    nowMs: number,
  ): { readonly accepted: number; readonly duplicates: number; readonly token: string } {
    const span = this.#span(nowMs);
    for (const [index, signal] of signals.entries()) {
      const attributes = this.#tables.feeds.get(signal.type)?.attributes ?? [];
      const fault = findSignalFault(signal, attributes, span);
      if (fault !== undefined) throw errorFromFault("signals", index, fault);
    }
    let accepted = 0;
    for (const signal of signals) {
      const name = signalName(signal);
      if (!this.#signals.learn(name)) continue;
      accepted += 1;
      this.#feedAll(signal, hashOf(name), nowMs);
    }
    const duplicates = signals.length - accepted;
    this.#metrics.signals.add(accepted);
    this.#metrics.duplicates.add(duplicates);
    return { accepted, duplicates, token: this.#written(accepted, nowMs) };
  }

  /**
   * @returns whether the write that answered with this token is in; false for a token of another
   *   instance, of whose writes nothing is known here.
   * @throws StileError `invalid_request`
   */
  applied(token: string): boolean {
    const { instance, sequence } = tokenFromText(token);
    return instance === this.#instance && sequence <= this.#sequence;
  }

  /**
   * Takes the declarations of a new bundle. Values of features that keep their type and signals
   * stay; where a window grew, its count is low until it has filled.
   *
   * @throws StileError `bundle_invalid`; the declarations before stay in force.
   */
  redeclare(declarations: readonly FeatureDeclaration[]): void {
    this.#tables = this.#tablesFor(declarations, this.#tables);
    this.#room.measure(this.#tables);
  }

  #tablesFor(
    declarations: readonly FeatureDeclaration[],
    before: FeatureTables | undefined,
  ): FeatureTables {
    const parts = { limits: this.#limits, metrics: this.#metrics };
    return createFeatureTables(declarations, parts, before);
  }

  #span(nowMs: number): EventSpan {
    // 0 in the slab means no value.
    const earliestMs = Math.max(1, nowMs - this.#tables.keptMs);
    return { earliestMs, latestMs: nowMs + this.#limits.aheadMsMax };
  }

  #updateFault(update: FeatureUpdate, span: EventSpan): Fault | undefined {
    const table = this.#tables.byEntity.get(update.entity);
    return findUpdateFault(update, table?.columns[table.indexOf(update.name)], span);
  }

  /** Takes an update in which no fault was found. */
  #take({ entity, id, name, value, eventTimeMs }: FeatureUpdate): void {
    const table = this.#tables.byEntity.get(entity);
    const index = table?.indexOf(name) ?? -1;
    const given = table?.columns[index]?.given;
    if (table === undefined || given === undefined) return;
    const slot = this.#room.slotFor(this.#tables, table, id);
    const knownMs = table.timeMs(slot, index);
    if (Math.abs(knownMs) > eventTimeMs) {
      this.#metrics.superseded.add(1);
      return;
    }
    if (knownMs > 0) given.drop(table.raw(slot, index));
    const isDeleted = value === null;
    table.set(slot, index, {
      raw: isDeleted ? 0 : given.keep(value),
      timeMs: isDeleted ? -eventTimeMs : eventTimeMs,
    });
  }

  #feedAll(signal: Signal, hash: number, nowMs: number): void {
    const fed = this.#tables.feeds.get(signal.type);
    if (fed === undefined) return;
    for (const { table, index, cell } of fed.counts) {
      const id = entityIdFromSignal(signal, table.entity);
      if (id === undefined) continue;
      const slot = this.#room.slotFor(this.#tables, table, id);
      this.#hear({ table, index, cell }, slot, signal.timeMs, nowMs);
    }
    for (const feed of fed.feeds) {
      const id = entityIdFromSignal(signal, feed.table.entity);
      const value = feedValue(signal, feed);
      if (id === undefined || value === undefined) continue;
      this.#feed(feed, this.#room.slotFor(this.#tables, feed.table, id), {
        value,
        timeMs: signal.timeMs,
        hash,
        opens: feed.opens,
        nowMs,
      });
    }
  }

  #feed(feed: Feed, slot: number, feeding: Feeding): void {
    feed.cell.feed(this.#hear(feed, slot, feeding.timeMs, feeding.nowMs), feeding);
  }

  /** Begins the value where there is none, and @returns what stands for it. */
  #hear(
    { table, index, cell }: Pick<Feed, "table" | "index" | "cell">,
    slot: number,
    timeMs: number,
    nowMs: number,
  ): number {
    let raw = table.raw(slot, index);
    let knownMs = table.timeMs(slot, index);
    if (knownMs > 0 && nowMs - knownMs > this.#tables.keptMs) {
      // Past the retention it reads as missing, so it must not come back, swept or not.
      cell.drop(raw);
      knownMs = 0;
    }
    if (knownMs === 0) raw = cell.begin();
    table.set(slot, index, { raw, timeMs: Math.max(knownMs, timeMs) });
    return raw;
  }

  /** @returns the token of this write, or of the last one where nothing was taken. */
  #written(itemCount: number, nowMs: number): string {
    if (itemCount > 0) {
      this.#sequence += 1;
      this.#room.tidy(this.#tables, itemCount, nowMs);
    }
    return textFromToken({ instance: this.#instance, sequence: this.#sequence });
  }
}

/** @returns the value of a text that a cell wrote. */
function scalarFromText(text: string): FeatureScalar | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") {
    return value;
  }
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}
