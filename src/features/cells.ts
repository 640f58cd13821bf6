import { unreachable } from "../core/errors.ts";
import type { FeatureDeclaration, FeatureScalar, FeatureType } from "../core/features.ts";
import { addEvent, countAfter, type EventTimes, forgetEvents } from "./event-times.ts";
import type { FeatureLimits } from "./feature-limits.ts";
import type { FeatureMetrics } from "./feature-metrics.ts";
import { OpenValues } from "./open-values.ts";
import { Pool } from "./pool.ts";
import { RecentValues } from "./recent-values.ts";

/**
 * What the numbers in one column of the slab stand for. Numbers and booleans stand for
 * themselves, the rest for a place in a pool.
 */
export interface Cell {
  /** About how much heap is held beside the slab. */
  readonly bytes: number;
  /** @returns the value as JSON text. */
  text(raw: number, nowMs: number): string;
  /** Forgets what the number stands for. */
  drop(raw: number): void;
}

/** Values given from outside. */
export interface GivenCell extends Cell {
  /** @returns the number that stands for the value, which is of the declared type. */
  keep(value: FeatureScalar): number;
}

/** One signal as a column takes it. */
export interface Feeding {
  /** The attribute that the declaration names; "" for a count. */
  readonly value: string;
  readonly timeMs: number;
  /** Of the signal's source and id. */
  readonly hash: number;
  /** Whether the signal opens the value; false when it closes it. */
  readonly opens: boolean;
  readonly nowMs: number;
}

/** Values made from signals. */
export interface MadeCell extends Cell {
  /** @returns the number that stands for an entity's value before its first signal. */
  begin(): number;
  feed(raw: number, feeding: Feeding): void;
}

export interface CellParts {
  readonly limits: FeatureLimits;
  readonly metrics: FeatureMetrics;
}

/** Heap of an array or string beside its content, on 64 bits. */
const ITEM_BYTES = 48;

export function createGivenCell(type: FeatureType, previous: GivenCell | undefined): GivenCell {
  if (previous !== undefined) return previous;
  switch (type) {
    case "number":
      return { bytes: 0, text: String, drop: () => undefined, keep: Number };
    case "boolean":
      return {
        bytes: 0,
        text: (raw) => (raw === 1 ? "true" : "false"),
        drop: () => undefined,
        keep: Number,
      };
    case "string":
    case "strings":
      return new TextCell();
    default:
      return unreachable(type);
  }
}

/**
 * @param previous the cell of the same feature under the declarations before; its values are
 *   taken over.
 * @returns undefined for a given feature.
 */
export function createMadeCell(
  declaration: FeatureDeclaration,
  parts: CellParts,
  previous: MadeCell | undefined,
): MadeCell | undefined {
  const { made } = declaration;
  switch (made.kind) {
    case "given":
      return undefined;
    case "count":
      return new CountCell(made.windowS * 1_000, parts, instance(previous, CountCell));
    case "recent":
      return new RecentCell(made.most, instance(previous, RecentCell));
    case "open":
      return new OpenCell(made.most, parts, instance(previous, OpenCell));
    default:
      return unreachable(made);
  }
}

function instance<T extends MadeCell>(
  cell: MadeCell | undefined,
  kind: abstract new (...args: never[]) => T,
): T | undefined {
  return cell instanceof kind ? cell : undefined;
}

/**
 * Strings and lists of them, kept as JSON text: it is what decisions read. Equal texts are kept
 * once: most such features take few values, which are then near in memory and small in sum.
 */
class TextCell implements GivenCell {
  bytes = 0;
  readonly #texts = new Pool<string>();
  readonly #numbers = new Map<string, number>();
  readonly #useCounts: number[] = [];

  text(raw: number): string {
    return this.#texts.get(raw);
  }

  keep(value: FeatureScalar): number {
    const text = JSON.stringify(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) {
      this.#useCounts[known] = (this.#useCounts[known] ?? 0) + 1;
      return known;
    }
    const raw = this.#texts.add(text);
    this.#numbers.set(text, raw);
    this.#useCounts[raw] = 1;
    this.bytes += text.length + 2 * ITEM_BYTES;
    return raw;
  }

  drop(raw: number): void {
    const useCount = (this.#useCounts[raw] ?? 0) - 1;
    this.#useCounts[raw] = useCount;
    if (useCount > 0) return;
    const text = this.#texts.get(raw);
    this.bytes -= text.length + 2 * ITEM_BYTES;
    this.#numbers.delete(text);
    this.#texts.drop(raw);
  }
}

/** Signals within a sliding window; more than the bound count as the bound. */
class CountCell implements MadeCell {
  bytes: number;
  readonly #windowMs: number;
  readonly #parts: CellParts;
  readonly #times: Pool<EventTimes>;

  constructor(windowMs: number, parts: CellParts, previous: CountCell | undefined) {
    this.#windowMs = windowMs;
    this.#parts = parts;
    this.#times = previous === undefined ? new Pool() : previous.#times;
    this.bytes = previous?.bytes ?? 0;
  }

  text(raw: number, nowMs: number): string {
    return String(countAfter(this.#times.get(raw), nowMs - this.#windowMs));
  }

  begin(): number {
    this.bytes += ITEM_BYTES;
    return this.#times.add([]);
  }

  feed(raw: number, feeding: Feeding): void {
    const times = this.#times.get(raw);
    const { limits, metrics } = this.#parts;
    const startMs = feeding.nowMs - this.#windowMs;
    const before = times.length;
    const { lost } = addEvent(times, feeding, limits.windowEventsMax);
    if (lost !== undefined && lost > startMs) metrics.saturated.add(1);
    forgetEvents(times, startMs - limits.aheadMsMax);
    this.bytes += (times.length - before) * 8;
  }

  drop(raw: number): void {
    this.bytes -= ITEM_BYTES + this.#times.get(raw).length * 8;
    this.#times.drop(raw);
  }
}

/** The last distinct values of an attribute. */
class RecentCell implements MadeCell {
  bytes: number;
  readonly #most: number;
  readonly #sets: Pool<RecentValues>;

  constructor(most: number, previous: RecentCell | undefined) {
    this.#most = most;
    this.#sets = previous === undefined ? new Pool() : previous.#sets;
    this.bytes = 0;
    for (const set of this.#sets.values()) {
      set.limit(most);
      this.bytes += bytesOf(set);
    }
  }

  text(raw: number): string {
    return this.#sets.get(raw).text;
  }

  begin(): number {
    const set = new RecentValues();
    this.bytes += bytesOf(set);
    return this.#sets.add(set);
  }

  feed(raw: number, feeding: Feeding): void {
    const set = this.#sets.get(raw);
    const before = bytesOf(set);
    set.note(feeding.value, feeding.timeMs, this.#most);
    this.bytes += bytesOf(set) - before;
  }

  drop(raw: number): void {
    this.bytes -= bytesOf(this.#sets.get(raw));
    this.#sets.drop(raw);
  }
}

/** The values of an attribute that are open. */
class OpenCell implements MadeCell {
  bytes: number;
  readonly #most: number;
  readonly #parts: CellParts;
  readonly #sets: Pool<OpenValues>;

  constructor(most: number, parts: CellParts, previous: OpenCell | undefined) {
    this.#most = most;
    this.#parts = parts;
    this.#sets = previous === undefined ? new Pool() : previous.#sets;
    this.bytes = previous?.bytes ?? 0;
    for (const set of this.#sets.values()) set.touch();
  }

  text(raw: number): string {
    return this.#sets.get(raw).text(this.#most);
  }

  begin(): number {
    const set = new OpenValues();
    this.bytes += bytesOf(set);
    return this.#sets.add(set);
  }

  feed(raw: number, feeding: Feeding): void {
    const set = this.#sets.get(raw);
    const before = bytesOf(set);
    const change = set.note(feeding, this.#most);
    if (change === "late") this.#parts.metrics.late.add(1);
    if (change === "crowded") this.#parts.metrics.crowded.add(1);
    this.bytes += bytesOf(set) - before;
  }

  drop(raw: number): void {
    this.bytes -= bytesOf(this.#sets.get(raw));
    this.#sets.drop(raw);
  }
}

/** Each value stands in the set and in its cached text. */
function bytesOf(set: { readonly count: number; readonly charCount: number }): number {
  return 4 * ITEM_BYTES + set.count * ITEM_BYTES + set.charCount * 2;
}
