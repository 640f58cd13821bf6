/**
 * The last distinct values, each with the time it was last seen, oldest first. Of more than
 * `most` the oldest go; of one time, the smaller in code unit order. What is kept depends on the
 * set of notes alone, not on their order or number.
 */
export class RecentValues {
  readonly #values: string[] = [];
  readonly #times: number[] = [];
  #charCount = 0;
  #text = "";

  /** UTF-16 units of all values. */
  get charCount(): number {
    return this.#charCount;
  }

  get count(): number {
    return this.#values.length;
  }

  /** JSON text of the values, newest last. */
  get text(): string {
    if (this.#text === "") this.#text = JSON.stringify(this.#values);
    return this.#text;
  }

  note(value: string, timeMs: number, most: number): void {
    const known = this.#values.indexOf(value);
    if (known >= 0) {
      if ((this.#times[known] ?? 0) >= timeMs) return;
      this.#remove(known);
    }
    let at = this.#values.length;
    while (at > 0 && this.#isAfter(at - 1, value, timeMs)) at -= 1;
    this.#values.splice(at, 0, value);
    this.#times.splice(at, 0, timeMs);
    this.#charCount += value.length;
    this.limit(most);
  }

  /** Keeps the newest `most`. */
  limit(most: number): void {
    while (this.#values.length > most) this.#remove(0);
    this.#text = "";
  }

  #isAfter(index: number, value: string, timeMs: number): boolean {
    const otherMs = this.#times[index] ?? 0;
    return otherMs > timeMs || (otherMs === timeMs && (this.#values[index] ?? "") > value);
  }

  #remove(index: number): void {
    this.#charCount -= this.#values[index]?.length ?? 0;
    this.#values.splice(index, 1);
    this.#times.splice(index, 1);
  }
}
