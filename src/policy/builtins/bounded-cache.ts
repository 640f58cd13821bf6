/**
 * Keeps what was computed from a key, for a bounded number of keys; the oldest goes first. Only for
 * values that depend on the key alone, so that it is invisible but for the time it saves.
 */
export class BoundedCache<T> {
  readonly #capacity: number;
  readonly #byKey = new Map<string, T>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string, make: () => T): T {
    const kept = this.#byKey.get(key);
    if (kept !== undefined) return kept;
    const made = make();
    const oldest = this.#byKey.keys().next();
    if (this.#byKey.size >= this.#capacity && oldest.done !== true)
      this.#byKey.delete(oldest.value);
    this.#byKey.set(key, made);
    return made;
  }
}
