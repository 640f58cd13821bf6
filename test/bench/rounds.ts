import type { Contestant, Running } from "./contestants/contestant.ts";
import type { Load, LoadResult } from "./load.ts";
import { cpuMsOf, machineBusyMs, memoryOf, ownCpuMs } from "./process-usage.ts";
import type { Latency } from "./statistics.ts";

/** One contestant, started. */
export interface Entrant {
  readonly contestant: Contestant;
  readonly running: Running;
}

/** One contestant under one load, once. */
export interface Round {
  readonly decisions: number;
  readonly perS: number;
  /** CPU of the server, µs a decision. */
  readonly cpuUs: number;
  /** Share of one core that the server used. */
  readonly serverCores: number;
  /** Of the whole machine beside server and loader: what disturbed the round. */
  readonly otherCores: number;
  readonly loaderCores: number;
  /** Of a call, ms. */
  readonly latency: Latency;
  readonly rssMb: number;
  readonly peakMb: number;
  readonly lateP99Ms: number;
  readonly faultCount: number;
  readonly faults: readonly string[];
}

/** The rounds of a contestant under one load. Round n of each was run beside round n of the others. */
export type Rounds = ReadonlyMap<string, readonly Round[]>;

/**
 * Runs the entrants in turn, round after round, each time beginning with another one: what else
 * the machine does then meets all of them alike.
 *
 * @param loadOf the load of a contestant.
 * @param onRound told after each round through all.
 */
export async function runRounds(
  entrants: readonly Entrant[],
  count: number,
  loadOf: (contestant: Contestant) => Load,
  onRound: (round: number) => void,
): Promise<Rounds> {
  const rounds = new Map<string, Round[]>(entrants.map(({ contestant }) => [contestant.name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const [index] of entrants.entries()) {
      const entrant = entrants[(index + round) % entrants.length];
      if (entrant === undefined) continue;
      const { contestant } = entrant;
      rounds.get(contestant.name)?.push(await runRound(entrant, loadOf(contestant)));
    }
    onRound(round + 1);
  }
  return rounds;
}

/** Loads an entrant once and reads what its process used meanwhile. */
export async function runRound({ contestant, running }: Entrant, load: Load): Promise<Round> {
  const { pid } = running;
  await running.refresh();
  const before = { server: cpuMsOf(pid), own: ownCpuMs(), machine: machineBusyMs() };
  const result = await running.load(load);
  const serverMs = cpuMsOf(pid) - before.server;
  const ownMs = ownCpuMs() - before.own;
  const machineMs = machineBusyMs() - before.machine;
  return roundOf(contestant, result, { serverMs, ownMs, machineMs, ...memoryOf(pid) });
}

function roundOf(
  contestant: Contestant,
  result: LoadResult,
  used: {
    readonly serverMs: number;
    readonly ownMs: number;
    readonly machineMs: number;
    readonly rssMb: number;
    readonly peakMb: number;
  },
): Round {
  const decisions = result.calls * contestant.decisionsPerCall;
  const { elapsedMs } = result;
  return {
    decisions,
    perS: decisions / (elapsedMs / 1000),
    cpuUs: (used.serverMs * 1000) / decisions,
    serverCores: used.serverMs / elapsedMs,
    loaderCores: used.ownMs / elapsedMs,
    otherCores: Math.max(0, used.machineMs - used.serverMs - used.ownMs) / elapsedMs,
    latency: result.latency,
    rssMb: used.rssMb,
    peakMb: used.peakMb,
    lateP99Ms: result.lateP99Ms,
    faultCount: result.faultCount,
    faults: result.faults,
  };
}
