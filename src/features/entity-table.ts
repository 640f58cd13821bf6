import type { FeatureEntity } from "../core/features.ts";
import type { Column } from "./column.ts";

const CHUNK_BITS = 10;
const CHUNK_SLOTS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_SLOTS - 1;

/** Entities looked at to find one that has not been heard of for long. */
const EVICTION_SAMPLE = 16;
const EVICTION_SCAN_MAX = 256;

const FRESH_END = ',"state":"fresh"}';
const STALE_END = ',"state":"stale"}';

/**
 * The entities of one kind: a map from id to slot, and a slab of doubles in which each slot has
 * two numbers a column, value and event time. The time is 0 where there is no value, and
 * negative where the value was deleted then, so that an older one does not come back. The slab
 * grows by chunks: nothing is copied, and no write waits for it.
 */
export class EntityTable {
  readonly entity: FeatureEntity;
  readonly columns: readonly Column[];
  /** `"entity":{` */
  readonly openText: string;
  /** `"name":{"state":"missing"}` of every column, joined by commas. */
  readonly missingText: string;
  readonly #stride: number;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #slots: Map<string, number>;
  /** Slot → id; undefined where free. */
  readonly #ids: (string | undefined)[];
  readonly #free: number[];
  readonly #chunks: Float64Array[];
  #evictionHand = 0;
  #sweepHand = 0;

  /**
   * @param previous the table before new declarations; its entities are taken over, with the
   *   values of the columns whose cell is in `carried`. It must not be used again.
   */
  constructor(
    entity: FeatureEntity,
    columns: readonly Column[],
    previous?: { readonly table: EntityTable; readonly carried: ReadonlyMap<Column, Column> },
  ) {
    this.entity = entity;
    this.columns = columns;
    this.openText = `"${entity}":{`;
    this.missingText = columns.map(({ missingText }) => missingText).join("");
    this.#stride = columns.length * 2;
    this.#indexes = new Map(columns.map(({ declaration }, index) => [declaration.name, index]));
    const from = previous?.carried.size === 0 ? undefined : previous?.table;
    this.#slots = from === undefined ? new Map<string, number>() : from.#slots;
    this.#ids = from === undefined ? [] : from.#ids;
    this.#free = from === undefined ? [] : from.#free;
    this.#chunks = [];
    if (from === undefined || previous === undefined) return;
    const offsets = columns.map((column) => {
      const source = previous.carried.get(column);
      return source === undefined ? -1 : from.columns.indexOf(source);
    });
    for (const chunk of from.#chunks) this.#chunks.push(rearranged(chunk, from.#stride, offsets));
  }

  get size(): number {
    return this.#slots.size;
  }

  get besideBytes(): number {
    let bytes = 0;
    for (const { cell } of this.columns) bytes += cell.bytes;
    return bytes;
  }

  /** @returns the index of the column of that name, or -1. */
  indexOf(name: string): number {
    return this.#indexes.get(name) ?? -1;
  }

  /** @returns the slot of the entity, or -1. */
  find(id: string): number {
    return this.#slots.get(id) ?? -1;
  }

  /** @returns the slot of a new entity. */
  add(id: string): number {
    const slot = this.#free.pop() ?? this.#ids.length;
    if (slot >> CHUNK_BITS === this.#chunks.length) {
      this.#chunks.push(new Float64Array(CHUNK_SLOTS * this.#stride));
    }
    this.#ids[slot] = id;
    this.#slots.set(id, slot);
    return slot;
  }

  /** @returns what stands for the value; means nothing where the time is not above 0. */
  raw(slot: number, index: number): number {
    return this.#chunk(slot)[(slot & CHUNK_MASK) * this.#stride + index * 2] ?? 0;
  }

  /** @returns ms since the Unix epoch; 0 for no value, negative for deleted then. */
  timeMs(slot: number, index: number): number {
    return this.#chunk(slot)[(slot & CHUNK_MASK) * this.#stride + index * 2 + 1] ?? 0;
  }

  set(slot: number, index: number, entry: { readonly raw: number; readonly timeMs: number }): void {
    const chunk = this.#chunk(slot);
    const at = (slot & CHUNK_MASK) * this.#stride + index * 2;
    chunk[at] = entry.raw;
    chunk[at + 1] = entry.timeMs;
  }

  /** @returns members `"name":value` of the values not older than `keptMs`, joined by commas. */
  featuresText(slot: number, nowMs: number, keptMs: number): string {
    const chunk = this.#chunk(slot);
    let at = (slot & CHUNK_MASK) * this.#stride;
    let text = "";
    for (const column of this.columns) {
      const timeMs = chunk[at + 1] ?? 0;
      if (timeMs > 0 && nowMs - timeMs <= keptMs) {
        // Few pieces: joining them is most of the cost of a snapshot.
        const start = text === "" ? column.nameText : text + column.nextNameText;
        text = start + column.cell.text(chunk[at] ?? 0, nowMs);
      }
      at += 2;
    }
    return text;
  }

  /** @returns members `"name":{…}` of every column, joined by commas. */
  freshnessText(slot: number, nowMs: number, keptMs: number): string {
    const chunk = this.#chunk(slot);
    let at = (slot & CHUNK_MASK) * this.#stride + 1;
    let text = "";
    for (const column of this.columns) {
      const timeMs = chunk[at] ?? 0;
      if (timeMs <= 0 || nowMs - timeMs > keptMs) text += column.missingText;
      else if (column.made !== undefined) text += column.liveText;
      else {
        const ageMs = Math.max(0, Math.floor(nowMs - timeMs));
        text += column.ageText + ageMs + (ageMs > column.maxAgeMs ? STALE_END : FRESH_END);
      }
      at += 2;
    }
    return text;
  }

  /**
   * Drops one of the entities that have not been heard of for longest, by a sample.
   *
   * @returns false when there is none.
   */
  evict(): boolean {
    const slotCount = this.#ids.length;
    let oldest = -1;
    let oldestMs = Number.POSITIVE_INFINITY;
    let seen = 0;
    for (let scanned = 0; scanned < slotCount && seen < EVICTION_SAMPLE; scanned += 1) {
      if (scanned >= EVICTION_SCAN_MAX && seen > 0) break;
      this.#evictionHand = (this.#evictionHand + 1) % slotCount;
      if (this.#ids[this.#evictionHand] === undefined) continue;
      seen += 1;
      const latestMs = this.#latestMs(this.#evictionHand);
      if (latestMs < oldestMs) {
        oldestMs = latestMs;
        oldest = this.#evictionHand;
      }
    }
    if (oldest < 0) return false;
    this.#release(oldest);
    return true;
  }

  /**
   * Drops entities with no event at or after `sinceMs`, looking at up to `most` slots from where
   * the last call ended, and not past the last slot.
   *
   * @returns how many were looked at, how many dropped, and whether the last slot was reached.
   */
  sweep(
    most: number,
    sinceMs: number,
  ): { readonly looked: number; readonly dropped: number; readonly ended: boolean } {
    const start = this.#sweepHand;
    const end = Math.min(start + most, this.#ids.length);
    let dropped = 0;
    for (let slot = start; slot < end; slot += 1) {
      if (this.#ids[slot] === undefined || this.#latestMs(slot) >= sinceMs) continue;
      this.#release(slot);
      dropped += 1;
    }
    const ended = end === this.#ids.length;
    this.#sweepHand = ended ? 0 : end;
    return { looked: end - start, dropped, ended };
  }

  #latestMs(slot: number): number {
    let latestMs = 0;
    for (let index = 0; index < this.columns.length; index += 1) {
      latestMs = Math.max(latestMs, Math.abs(this.timeMs(slot, index)));
    }
    return latestMs;
  }

  #release(slot: number): void {
    const id = this.#ids[slot];
    if (id === undefined) return;
    for (const [index, column] of this.columns.entries()) {
      if (this.timeMs(slot, index) > 0) column.cell.drop(this.raw(slot, index));
      this.set(slot, index, { raw: 0, timeMs: 0 });
    }
    this.#slots.delete(id);
    this.#ids[slot] = undefined;
    this.#free.push(slot);
  }

  #chunk(slot: number): Float64Array {
    return this.#chunks[slot >> CHUNK_BITS] ?? NO_CHUNK;
  }
}

const NO_CHUNK = new Float64Array(0);

/** @param offsets for each new column the index of the old one, or -1. */
function rearranged(chunk: Float64Array, stride: number, offsets: readonly number[]): Float64Array {
  const next = new Float64Array(CHUNK_SLOTS * offsets.length * 2);
  for (const [index, source] of offsets.entries()) {
    if (source < 0) continue;
    for (let slot = 0; slot < CHUNK_SLOTS; slot += 1) {
      const to = (slot * offsets.length + index) * 2;
      const from = slot * stride + source * 2;
      next[to] = chunk[from] ?? 0;
      next[to + 1] = chunk[from + 1] ?? 0;
    }
  }
  return next;
}
