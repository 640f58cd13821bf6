import assert from "node:assert";

/** Items by a small whole number that can stand in the slab; the numbers of dropped ones return. */
export class Pool<T> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns the number of the item. */
  add(item: T): number {
    const index = this.#free.pop() ?? this.#items.length;
    this.#items[index] = item;
    return index;
  }

  get(index: number): T {
    const item = this.#items[index];
    assert(item !== undefined, "a slab points at a dropped item");
    return item;
  }

  /** Forgets an item. */
  drop(index: number): void {
    this.#items[index] = undefined;
    this.#free.push(index);
  }

  *values(): IterableIterator<T> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }
}
