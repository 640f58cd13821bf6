import type { Command } from "commander";
import { UsageError } from "./exit.ts";

export interface TimeOptions {
  readonly since?: string;
  readonly until?: string;
}

/** ms since the Unix epoch. */
export interface TimeRange {
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

export function addTimeOptions(command: Command): Command {
  return command
    .option("--since <time>", "from then on: 2026-11-24, 2026-11-24T09:00:00Z, or 2h ago as 2h")
    .option("--until <time>", "up to then, not included");
}

/** @throws UsageError that names the option, what it held and what it takes. */
export function timeRangeOf(options: TimeOptions, nowMs: number): TimeRange {
  return {
    sinceMs: timeOf("--since", options.since, nowMs),
    untilMs: timeOf("--until", options.until, nowMs),
  };
}

function timeOf(option: string, text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  const unitMs = UNITS_MS.get(ago?.[2] ?? "");
  if (ago !== null && unitMs !== undefined) return nowMs - Number(ago[1]) * unitMs;
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(
    `${option} is "${text}", expected a time such as 2026-11-24T09:00:00Z, or an age such as 90m`,
  );
}
