/**
 * Which signals were seen, by source and id, in two generations: when the younger is full the
 * older goes. At least the last `most` are known, at most twice as many are held.
 */
export class SignalMemory {
  readonly #most: number;
  #younger = new Set<string>();
  #older = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns whether the signal is new; it is then known. */
  learn(name: string): boolean {
    if (this.#younger.has(name) || this.#older.has(name)) return false;
    if (this.#younger.size >= this.#most) {
      this.#older = this.#younger;
      this.#younger = new Set();
    }
    this.#younger.add(name);
    return true;
  }
}

/** @returns one text for source and id, the same for no other pair. */
export function signalName(signal: { readonly source: string; readonly id: string }): string {
  return `${signal.source.length}:${signal.source}${signal.id}`;
}

/** @returns a 32-bit hash (FNV-1a over UTF-16 units), a whole number of at least 0. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
