import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import type { Clock } from "../core/clock.ts";
import { asStileError, describeError, StileError } from "../core/errors.ts";
import type { StateChange, StateRecord, StateStore } from "../core/store.ts";
import type { Counter, Log, Meter } from "../core/telemetry.ts";
import { checkChange, checkLimit, keyBytesOf } from "./change-checks.ts";
import { checkDatabaseFile } from "./database-file.ts";
import { type Envelope, envelopeText, isExpired, readEnvelope } from "./stored-envelope.ts";

export interface EmbeddedStoreParts {
  /** Made with mode 0700 if absent. Several processes of one machine may open it at once. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** At this many records a new one is refused. */
  readonly recordsMax?: number;
  /** At this many bytes of pages in use a new record is refused. */
  readonly bytesMax?: number;
  /** Pause between two sweeps. */
  readonly sweepEveryMs?: number;
  /** Records looked at in one sweep. */
  readonly sweepRecords?: number;
}

/**
 * How long an expired record stays before it is swept. Until then a new record under its key goes
 * on with its version, so a change that was under way when it expired cannot hit the new one.
 */
const SWEEP_GRACE_MS = 60_000;
const FIRST_KEY = Buffer.from([0]);

type Applied = "changed" | "lost" | "full";

/**
 * Opens the state kept in a folder of this machine.
 *
 * @throws StileError `state_unavailable` when the folder or the database in it cannot be opened.
 */
export function openEmbeddedStore(parts: EmbeddedStoreParts): EmbeddedStore {
  try {
    // LMDB makes folders too, but hangs on a path where none can be made.
    mkdirSync(parts.folder, { recursive: true, mode: 0o700 });
    checkDatabaseFile(join(parts.folder, "data.mdb"));
    const database = open<string, Buffer>({
      path: parts.folder,
      noSubdir: false,
      encoding: "string",
      keyEncoding: "binary",
      // A commit is on disk before its promise resolves and before anybody reads it.
      overlappingSync: false,
      // With batching by turn a failed commit also rejects a promise that nobody can reach.
      eventTurnBatching: false,
    });
    return new EmbeddedStore(database, parts);
  } catch (thrown) {
    throw asStileError(thrown, "state_unavailable", `open the state in ${parts.folder}`);
  }
}

/** State in LMDB: durable, shared by the processes of one machine. */
export class EmbeddedStore implements StateStore {
  readonly #database: RootDatabase<string, Buffer>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  readonly #sweepRecords: number;
  readonly #refused: Counter;
  readonly #swept: Counter;
  readonly #timer: NodeJS.Timeout;
  /** Writes under way. LMDB's own close would break them off. */
  readonly #writing = new Set<Promise<unknown>>();
  #sweepFrom: Buffer = FIRST_KEY;
  #sweeping: Promise<number> | undefined;
  #closing: Promise<void> | undefined;

  constructor(database: RootDatabase<string, Buffer>, parts: EmbeddedStoreParts) {
    this.#database = database;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#recordsMax = parts.recordsMax ?? 1_000_000;
    this.#bytesMax = parts.bytesMax ?? 1024 * 1024 * 1024;
    this.#sweepRecords = parts.sweepRecords ?? 1_000;
    this.#refused = parts.meter.counter(
      "stile_state_full_total",
      "Records refused because the store is full.",
    );
    this.#swept = parts.meter.counter("stile_state_swept_total", "Expired records removed.");
    this.#timer = setInterval(() => void this.#sweepQuietly(), parts.sweepEveryMs ?? 5_000);
    this.#timer.unref();
  }

  async get(key: string): Promise<StateRecord | undefined> {
    const keyBytes = keyBytesOf(key);
    return this.#read("read a record", () => {
      const envelope = this.#envelopeAt(keyBytes);
      if (envelope === undefined || isExpired(envelope, this.#clock.nowMs())) return undefined;
      return { key, value: envelope.value, version: envelope.version };
    });
  }

  async compareAndSet(change: StateChange): Promise<boolean> {
    const keyBytes = keyBytesOf(change.key);
    checkChange(change);
    const applied = await this.#write("change a record", () => this.#apply(keyBytes, change));
    if (applied !== "full") return applied === "changed";
    this.#refused.add(1);
    void this.#sweepQuietly();
    throw new StileError(
      "state_unavailable",
      `the store is full: it takes ${this.#recordsMax} records and ${this.#bytesMax} bytes`,
    );
  }

  async list(prefix: string, limit: number): Promise<readonly StateRecord[]> {
    checkLimit(limit);
    const prefixBytes = prefix === "" ? FIRST_KEY : keyBytesOf(prefix);
    return this.#read("list records", () => {
      const nowMs = this.#clock.nowMs();
      const records: StateRecord[] = [];
      for (const { key: keyBytes, value } of this.#database.getRange({ start: prefixBytes })) {
        const key = keyBytes.toString("utf8");
        if (!key.startsWith(prefix)) break;
        const envelope = readEnvelope(value);
        if (isExpired(envelope, nowMs)) continue;
        records.push({ key, value: envelope.value, version: envelope.version });
        if (records.length === limit) break;
      }
      return records;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Looks at the next records in key order and removes those long expired.
   *
   * @returns how many were removed.
   * @throws StileError `state_unavailable`
   */
  sweep(): Promise<number> {
    this.#sweeping ??= this.#sweepSlice().finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  /** Runs inside the one write transaction of the machine. */
  #apply(keyBytes: Buffer, change: StateChange): Applied {
    const stored = this.#envelopeAt(keyBytes);
    const present = stored !== undefined && !isExpired(stored, this.#clock.nowMs());
    if (change.version !== (present ? stored.version : 0)) return "lost";
    if (change.value === null) {
      if (stored !== undefined) this.#database.removeSync(keyBytes);
      return "changed";
    }
    if (stored === undefined && this.#isFull()) return "full";
    const version = (stored?.version ?? 0) + 1;
    const { value, expiresAtMs } = change;
    this.#database.putSync(keyBytes, envelopeText({ version, expiresAtMs, value }));
    return "changed";
  }

  #isFull(): boolean {
    const stats = readStats(this.#database.getStats());
    return stats.records >= this.#recordsMax || stats.bytes >= this.#bytesMax;
  }

  async #sweepSlice(): Promise<number> {
    const expiredKeys = await this.#read("look for expired records", () => {
      const beforeMs = this.#clock.nowMs() - SWEEP_GRACE_MS;
      const range = { start: this.#sweepFrom, limit: this.#sweepRecords + 1 };
      const slice = [...this.#database.getRange(range)];
      const next = slice.length > this.#sweepRecords ? slice.pop() : undefined;
      this.#sweepFrom = next === undefined ? FIRST_KEY : Buffer.from(next.key);
      return slice
        .filter(({ value }) => isExpired(readEnvelope(value), beforeMs))
        .map(({ key }) => Buffer.from(key));
    });
    if (expiredKeys.length === 0) return 0;
    const removed = await this.#write("remove expired records", () => {
      const beforeMs = this.#clock.nowMs() - SWEEP_GRACE_MS;
      const still = expiredKeys.filter((key) => {
        const envelope = this.#envelopeAt(key);
        return envelope !== undefined && isExpired(envelope, beforeMs);
      });
      for (const key of still) this.#database.removeSync(key);
      return still.length;
    });
    this.#swept.add(removed);
    return removed;
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (thrown) {
      if (this.#closing === undefined) {
        this.#log.error("state_not_swept", { cause: describeError(thrown) });
      }
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.allSettled(this.#writing);
    await this.#database.close();
  }

  #envelopeAt(keyBytes: Buffer): Envelope | undefined {
    const text = this.#database.get(keyBytes);
    return text === undefined ? undefined : readEnvelope(text);
  }

  async #read<Result>(doing: string, read: () => Result): Promise<Result> {
    this.#checkOpen(doing);
    try {
      // Without this, another process's commit shows only at a later turn of the event loop.
      this.#database.resetReadTxn();
      return read();
    } catch (thrown) {
      throw asStileError(thrown, "state_unavailable", doing);
    }
  }

  async #write<Result>(doing: string, write: () => Result): Promise<Result> {
    this.#checkOpen(doing);
    const written = this.#database.transaction(write);
    this.#writing.add(written);
    try {
      return await written;
    } catch (thrown) {
      throw asStileError(await commitErrorOf(thrown), "state_unavailable", doing);
    } finally {
      this.#writing.delete(written);
    }
  }

  #checkOpen(doing: string): void {
    if (this.#closing !== undefined) {
      throw new StileError("state_unavailable", `${doing}: the store is closed`);
    }
  }
}

/** A failed commit is told as "see commitError", which is a promise that rejects with the cause. */
async function commitErrorOf(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !("commitError" in thrown)) return thrown;
  try {
    await thrown.commitError;
  } catch (cause) {
    return cause;
  }
  return thrown;
}

/** Of `getStats`: entries of the tree, and the bytes of its pages. */
function readStats(stats: object): { readonly records: number; readonly bytes: number } {
  const numberAt = (name: string): number => {
    const value: unknown = Reflect.get(stats, name);
    if (typeof value === "number") return value;
    throw new StileError("state_unavailable", `LMDB tells no ${name}`);
  };
  const pages =
    numberAt("treeBranchPageCount") + numberAt("treeLeafPageCount") + numberAt("overflowPages");
  return { records: numberAt("entryCount"), bytes: pages * numberAt("pageSize") };
}
