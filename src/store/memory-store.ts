import type { Clock } from "../core/clock.ts";
import { StileError } from "../core/errors.ts";
import type { StateChange, StateRecord, StateStore } from "../core/store.ts";
import { checkChange, checkLimit, keyBytesOf } from "./change-checks.ts";

interface Held {
  readonly record: StateRecord;
  readonly expiresAtMs: number | null;
}

/** State in this process's memory: right under concurrency, gone with the process. For tests. */
export class MemoryStore implements StateStore {
  readonly #clock: Clock;
  readonly #recordsMax: number;
  readonly #held = new Map<string, Held>();
  #closed = false;

  constructor(parts: { readonly clock: Clock; readonly recordsMax?: number }) {
    this.#clock = parts.clock;
    this.#recordsMax = parts.recordsMax ?? 100_000;
  }

  async get(key: string): Promise<StateRecord | undefined> {
    this.#checkOpen();
    keyBytesOf(key);
    const held = this.#held.get(key);
    return held === undefined || this.#isExpired(held) ? undefined : held.record;
  }

  async compareAndSet(change: StateChange): Promise<boolean> {
    this.#checkOpen();
    keyBytesOf(change.key);
    checkChange(change);
    const held = this.#held.get(change.key);
    const storedVersion = held?.record.version ?? 0;
    const present = held !== undefined && !this.#isExpired(held);
    if (change.version !== (present ? storedVersion : 0)) return false;
    if (change.value === null) {
      this.#held.delete(change.key);
      return true;
    }
    if (held === undefined) this.#makeRoom();
    const record = { key: change.key, value: change.value, version: storedVersion + 1 };
    this.#held.set(change.key, { record, expiresAtMs: change.expiresAtMs });
    return true;
  }

  async list(prefix: string, limit: number): Promise<readonly StateRecord[]> {
    this.#checkOpen();
    checkLimit(limit);
    if (prefix !== "") keyBytesOf(prefix);
    return [...this.#held.values()]
      .filter((held) => held.record.key.startsWith(prefix) && !this.#isExpired(held))
      .map((held) => held.record)
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .slice(0, limit);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #makeRoom(): void {
    if (this.#held.size < this.#recordsMax) return;
    for (const [key, held] of this.#held) if (this.#isExpired(held)) this.#held.delete(key);
    if (this.#held.size < this.#recordsMax) return;
    throw new StileError("state_unavailable", `the store is full: ${this.#recordsMax} records`);
  }

  #isExpired(held: Held): boolean {
    return held.expiresAtMs !== null && this.#clock.nowMs() > held.expiresAtMs;
  }

  #checkOpen(): void {
    if (this.#closed) throw new StileError("state_unavailable", "the store is closed");
  }
}
