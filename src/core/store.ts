/** A stored value with the version to name when changing it. */
export interface StateRecord {
  readonly key: string;
  /** JSON text. */
  readonly value: string;
  /** From 1, one more at each change. */
  readonly version: number;
}

export interface StateChange {
  readonly key: string;
  /** The version that must still be stored; 0 when the key must be absent or expired. */
  readonly version: number;
  /** JSON text; null deletes. */
  readonly value: string | null;
  /** ms since the Unix epoch after which the key counts as absent; null for never. */
  readonly expiresAtMs: number | null;
}

/**
 * State that must be right across crashes, workers and replicas: factors, challenges, spent codes.
 * Every method rejects with StileError `state_unavailable` when the store cannot be reached.
 */
export interface StateStore {
  get(key: string): Promise<StateRecord | undefined>;
  /**
   * Changes one key if nobody else did. Of any number of concurrent calls that name the same
   * version exactly one wins.
   *
   * @returns whether it was changed; when true, the change survives a crash.
   */
  compareAndSet(change: StateChange): Promise<boolean>;
  /** @returns the records whose key starts with the prefix, in key order, at most `limit`. */
  list(prefix: string, limit: number): Promise<readonly StateRecord[]>;
  close(): Promise<void>;
}
