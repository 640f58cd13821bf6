import type { Figure } from "./figures.ts";
import type { Entrant, Round, Rounds } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** @returns rows in columns; the first column is aligned left, the others right. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

const HEAD = [
  "",
  "decisions/s",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "CPU µs/decision (least–most)",
  "server",
  "loader",
  "others",
  "RSS MB",
  "peak MB",
  "decisions",
];

/** @returns a line a contestant: medians over the rounds; cores of server, loader and all others. */
export function roundsTable(entrants: readonly Entrant[], rounds: Rounds): string {
  return tableText([
    HEAD,
    ...entrants.flatMap(({ contestant: { name } }) => {
      const own = rounds.get(name) ?? [];
      return own.length === 0 ? [] : [[name, ...cellsOf(own)]];
    }),
  ]);
}

export function figuresTable(figures: readonly Figure[]): string {
  return tableText([
    ["", "median", "least", "most", ""],
    ...figures.map(({ what, spread: { median, least, most }, unit }) => [
      what,
      number(median),
      number(least),
      number(most),
      unit,
    ]),
  ]);
}

function cellsOf(rounds: readonly Round[]): readonly string[] {
  const over = (valueOf: (round: Round) => number): Spread => spreadOf(rounds.map(valueOf));
  const cpu = over(({ cpuUs }) => cpuUs);
  return [
    over(({ perS }) => perS).median.toFixed(0),
    number(over(({ latency }) => latency.p50).median),
    number(over(({ latency }) => latency.p99).median),
    number(over(({ latency }) => latency.p999).median),
    `${number(cpu.median)} (${number(cpu.least)}–${number(cpu.most)})`,
    over(({ serverCores }) => serverCores).median.toFixed(2),
    over(({ loaderCores }) => loaderCores).median.toFixed(2),
    over(({ otherCores }) => otherCores).median.toFixed(2),
    over(({ rssMb }) => rssMb).median.toFixed(0),
    over(({ peakMb }) => peakMb).most.toFixed(0),
    String(rounds.reduce((sum, { decisions }) => sum + decisions, 0)),
  ];
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
