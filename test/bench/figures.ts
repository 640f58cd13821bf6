import type { Round, Rounds } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A result that counts: it holds on another machine too, or has a budget. */
export interface Figure {
  /** As the budget file names it. */
  readonly id: string;
  readonly what: string;
  readonly spread: Spread;
  readonly unit: "×" | "MB" | "ms";
}

/** All rounds of a run. */
export interface Measured {
  readonly busy: Rounds;
  readonly few: Rounds;
  readonly fixed: Rounds;
  /** ms from spawn to the first answer. */
  readonly startsMs: readonly number[];
}

/**
 * @param suffix which build of Stile: "" for this tree.
 * @returns the figures for which all rounds are there.
 */
export function figuresOf({ busy, few, fixed, startsMs }: Measured, suffix: string): Figure[] {
  const cpu = (round: Round): number => round.cpuUs;
  const p99 = (round: Round): number => round.latency.p99;
  const ratio = (
    id: string,
    what: string,
    rounds: Rounds,
    [name, floor]: readonly [string, string],
    valueOf: (round: Round) => number,
  ): Figure => ({ id, what, unit: "×", spread: ratioOf(rounds, [name, floor], valueOf) });
  const decide = `Decide${suffix}`;
  const stream = `DecideStream${suffix}`;
  const batch = `DecideBatch${suffix}`;
  const tail = (fixed.get(decide) ?? []).map(({ latency }) => latency.p999 / latency.p50);
  const rssMb = (busy.get(decide) ?? []).map((round) => round.rssMb);
  const figures: readonly Figure[] = [
    ratio("unary_cpu_to_echo", "CPU, Decide to echo", busy, [decide, "echo"], cpu),
    ratio("stream_cpu_to_echo", "CPU, DecideStream to echo", busy, [stream, "echo stream"], cpu),
    ratio("batch_cpu_to_echo", "CPU, DecideBatch to echo", busy, [batch, "echo batch"], cpu),
    ratio(
      "batch_cpu_to_evaluation",
      "CPU, DecideBatch to the evaluation alone",
      busy,
      [batch, "evaluation"],
      cpu,
    ),
    ratio("unary_cpu_to_opa_rest", "CPU, Decide to OPA REST", busy, [decide, "OPA REST"], cpu),
    ratio("unary_p99_to_echo", "p99 at few callers, Decide to echo", few, [decide, "echo"], p99),
    ratio(
      "stream_p99_to_echo",
      "p99 at few callers, DecideStream to echo",
      few,
      [stream, "echo stream"],
      p99,
    ),
    {
      id: "unary_p999_to_p50",
      what: "Decide at a fixed rate, p99.9 to p50",
      unit: "×",
      spread: spreadOf(tail),
    },
    { id: "rss_mb", what: "memory of Decide's server", unit: "MB", spread: spreadOf(rssMb) },
    {
      id: "first_answer_ms",
      what: "start to first answer",
      unit: "ms",
      spread: spreadOf(suffix === "" ? startsMs : []),
    },
  ];
  return figures.filter(({ spread }) => !Number.isNaN(spread.median));
}

/** Of rounds that were run beside each other, so that what disturbed both cancels out. */
function ratioOf(
  rounds: Rounds,
  [name, floor]: readonly [string, string],
  valueOf: (round: Round) => number,
): Spread {
  const floors = rounds.get(floor) ?? [];
  return spreadOf(
    (rounds.get(name) ?? []).flatMap((round, index) => {
      const beside = floors[index];
      return beside === undefined ? [] : [valueOf(round) / valueOf(beside)];
    }),
  );
}
