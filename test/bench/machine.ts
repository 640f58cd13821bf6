import { arch, cpus, loadavg, release, totalmem, type } from "node:os";

/** Where a run took place. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly system: string;
  readonly node: string;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryMb: Math.round(totalmem() / 1_000_000),
    system: `${type()} ${release()} ${arch()}`,
    node: process.version,
  };
}

/** @returns runnable tasks, averaged over the last minute. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}
