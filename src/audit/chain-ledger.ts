const PAGE_RECORDS = 1024;
const HASH_BYTES = 32;
const SLOT_BYTES = 2 * HASH_BYTES;

/** What one record says of itself and of the record before, 32 bytes each. */
export interface ChainLink {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly prev: Buffer;
}

interface Page {
  readonly isThere: Uint8Array;
  readonly bytes: Buffer;
}

/**
 * The hashes of one instance's records by number, 65 bytes a record: a million records take 65 MB,
 * in whatever order they come.
 */
export class ChainLedger {
  readonly #pages = new Map<number, Page>();
  #count = 0;

  /** Different numbers seen. */
  get count(): number {
    return this.#count;
  }

  /** @returns what is kept under that number. */
  at(sequence: number): ChainLink | undefined {
    const page = this.#pages.get(Math.floor(sequence / PAGE_RECORDS));
    const slot = sequence % PAGE_RECORDS;
    if (page?.isThere[slot] !== 1) return undefined;
    return linkIn(page, sequence, slot);
  }

  /** Keeps a link; another one under its number is replaced. */
  set(link: ChainLink): void {
    const index = Math.floor(link.sequence / PAGE_RECORDS);
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = {
        isThere: new Uint8Array(PAGE_RECORDS),
        bytes: Buffer.alloc(PAGE_RECORDS * SLOT_BYTES),
      };
      this.#pages.set(index, page);
    }
    const slot = link.sequence % PAGE_RECORDS;
    if (page.isThere[slot] !== 1) this.#count += 1;
    page.isThere[slot] = 1;
    link.hash.copy(page.bytes, slot * SLOT_BYTES);
    link.prev.copy(page.bytes, slot * SLOT_BYTES + HASH_BYTES);
  }

  /** The links by number; numbers without one are passed over. */
  *inOrder(): Generator<ChainLink, void, void> {
    const indexes = [...this.#pages.keys()].toSorted((a, b) => a - b);
    for (const index of indexes) {
      const page = this.#pages.get(index);
      if (page === undefined) continue;
      for (let slot = 0; slot < PAGE_RECORDS; slot += 1) {
        if (page.isThere[slot] === 1) yield linkIn(page, index * PAGE_RECORDS + slot, slot);
      }
    }
  }
}

function linkIn(page: Page, sequence: number, slot: number): ChainLink {
  const at = slot * SLOT_BYTES;
  return {
    sequence,
    hash: page.bytes.subarray(at, at + HASH_BYTES),
    prev: page.bytes.subarray(at + HASH_BYTES, at + SLOT_BYTES),
  };
}
