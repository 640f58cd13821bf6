import type { Load, LoadResult } from "../load.ts";

/** Something that answers the mix and is measured doing it. */
export interface Contestant {
  readonly name: string;
  /** What it is, for the table. */
  readonly what: string;
  readonly decisionsPerCall: number;
  /** Callers of the closed loop in which it is to be busy. */
  readonly callers: number;
  /** Whether it is also measured with few callers, and at a fixed rate. */
  readonly alsoLatency: boolean;
  start(): Promise<Running>;
}

export interface Running {
  /** The process whose CPU and memory are read. */
  readonly pid: number;
  /** Makes the features of the mix fresh; not part of what is measured. */
  refresh(): Promise<void>;
  load(load: Load): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Connections of the loader to a server. */
export const CONNECTIONS = 4;
/** Callers of the closed loop. */
export const CALLERS = 64;
/** Fewer for batches: each call carries many decisions. */
export const BATCH_CALLERS = 8;
