import type { EntityTable } from "./entity-table.ts";
import type { FeatureLimits } from "./feature-limits.ts";
import type { FeatureMetrics } from "./feature-metrics.ts";
import type { FeatureTables } from "./feature-tables.ts";

/** Slots that each write looks at for values past the retention, beside two an item. */
const SWEEP_SLOTS = 16;

/** Keeps the tables within their bounds, a little work at each write. */
export class EntityRoom {
  readonly #limits: FeatureLimits;
  readonly #metrics: FeatureMetrics;
  #sweepTurn = 0;

  constructor(limits: FeatureLimits, metrics: FeatureMetrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /** @returns the slot of the entity, which is new if need be. */
  slotFor(tables: FeatureTables, table: EntityTable, id: string): number {
    const slot = table.find(id);
    if (slot >= 0) return slot;
    if (entityCount(tables) >= this.#limits.entitiesMax) {
      // From the largest kind: a flood of addresses then costs addresses, not subjects.
      this.#evict(tables, (of) => of.size);
    }
    return table.add(id);
  }

  /** Drops what is past the retention, and what is too much beside the slabs. */
  tidy(tables: FeatureTables, itemCount: number, nowMs: number): void {
    while (besideBytes(tables) > this.#limits.besideBytesMax) {
      if (!this.#evict(tables, (table) => table.besideBytes)) break;
    }
    this.#sweep(tables, SWEEP_SLOTS + itemCount * 2, nowMs - tables.keptMs);
    this.measure(tables);
  }

  measure(tables: FeatureTables): void {
    this.#metrics.entities.set(entityCount(tables));
    this.#metrics.besideBytes.set(besideBytes(tables));
  }

  #evict(tables: FeatureTables, weightOf: (table: EntityTable) => number): boolean {
    const heaviest = tables.all.reduce((a, b) => (weightOf(b) > weightOf(a) ? b : a));
    const evicted = heaviest.evict();
    if (evicted) this.#metrics.evicted.add(1);
    return evicted;
  }

  #sweep({ all }: FeatureTables, slotsMax: number, sinceMs: number): void {
    let left = slotsMax;
    for (let turn = 0; turn < all.length && left > 0; turn += 1) {
      const swept = all[this.#sweepTurn]?.sweep(left, sinceMs);
      if (swept === undefined) return;
      left -= swept.looked;
      if (swept.dropped > 0) this.#metrics.expired.add(swept.dropped);
      if (!swept.ended) return;
      this.#sweepTurn = (this.#sweepTurn + 1) % all.length;
    }
  }
}

export function entityCount(tables: FeatureTables): number {
  return tables.all.reduce((count, { size }) => count + size, 0);
}

function besideBytes(tables: FeatureTables): number {
  return tables.all.reduce((bytes, table) => bytes + table.besideBytes, 0);
}
