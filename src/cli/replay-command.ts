import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { DEFAULT_POLICY } from "../policy/policies.ts";
import { addSourceOptions, openSource, type SourceOptions } from "./audit-source.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { startProgress } from "./progress.ts";
import { type BudgetBreach, breachesOf, readBudget } from "./replay/friction-budget.ts";
import type { ReplayExample, ReplayTally } from "./replay/replay-tally.ts";
import { type Replayed, replayAll } from "./replay/replay-workers.ts";
import { tableLines } from "./table.ts";
import { plain, type Terminal } from "./terminal.ts";
import { addTimeOptions, type TimeOptions, timeRangeOf } from "./time-options.ts";

interface ReplayOptions extends SourceOptions, TimeOptions {
  readonly bundle: string;
  readonly budget?: string;
  readonly policy: string;
  readonly workers: string;
}

const ROWS_SHOWN = 10;
const WORKERS_MAX = 64;

/** `stile replay`: decides history again, by the same bundle or by a candidate. */
export function addReplayCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("replay")
    .description("decide recorded decisions again, and show what would come out otherwise")
    .requiredOption("--bundle <file>", "the bundle that decides now")
    .option("--budget <file>", "most step-ups per subject and day; exits 1 where they are more")
    .option("--policy <name>", "replay decisions of this policy", DEFAULT_POLICY)
    .option("--workers <count>", "threads (default: one a core)", String(availableParallelism()));
  addTimeOptions(addSourceOptions(command)).action(async (options: ReplayOptions) => {
    const workers = Number(options.workers);
    if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
      throw new UsageError(`--workers is "${options.workers}", expected 1 to ${WORKERS_MAX}`);
    }
    const budget = options.budget === undefined ? undefined : readBudget(options.budget);
    const { bundle, policy } = options;
    const filter = { policy, ...timeRangeOf(options, Date.now()) };
    const source = openSource(context, options);
    const progress = startProgress("records decided again");
    const startedMs = performance.now();
    const replayed = await replayAll(source.batches, { bundle, filter, workers }, (records) =>
      progress.add(records),
    );
    progress.end();
    const seconds = (performance.now() - startedMs) / 1000;
    const breaches = budget === undefined ? [] : breachesOf(budget, replayed.tally.stepUps);
    const { terminal } = context;
    if (context.json()) terminal.out(JSON.stringify(jsonOf(replayed, breaches, seconds)));
    else for (const line of linesOf(replayed, breaches, seconds, terminal)) terminal.out(line);
    const isGood = replayed.tally.mismatches === 0 && breaches.length === 0;
    context.exit(isGood ? EXIT.done : EXIT.failure);
  });
}

function jsonOf(replayed: Replayed, breaches: readonly BudgetBreach[], seconds: number) {
  const { tally, digest, revision } = replayed;
  const by = (counts: ReadonlyMap<string, number>) =>
    top(counts, counts.size).map(([flip, what, count]) => ({ flip, what, count }));
  return {
    bundle: { digest, revision },
    seconds,
    replayed: tally.replayed,
    passed_over: tally.passedOver,
    unreadable: tally.unreadable,
    identical: tally.identical,
    reworded: tally.reworded,
    same_bundle: tally.sameBundle,
    mismatches: tally.mismatches,
    mismatch_examples: tally.mismatchExamples,
    flips: Object.fromEntries(tally.flips),
    flips_by_reason: by(tally.flipsBy.reason),
    flips_by_action: by(tally.flipsBy.action),
    flips_by_subject: by(tally.flipsBy.subject),
    examples: Object.fromEntries(tally.examples),
    friction: frictionOf(tally),
    budget_breaches: breaches,
    not_counted: tally.overflowed,
  };
}

/** Step-ups in all, and of each subject a day. */
function frictionOf({ stepUps }: ReplayTally) {
  const days = new Map<string, { was: number; now: number }>();
  let was = 0;
  let now = 0;
  for (const [key, [before, after]] of stepUps) {
    was += before;
    now += after;
    const [day = "", subject = ""] = key.split("\t");
    const sum = days.get(`${day}\t${subject}`) ?? { was: 0, now: 0 };
    days.set(`${day}\t${subject}`, { was: sum.was + before, now: sum.now + after });
  }
  const changed = [...days]
    .filter(([, sum]) => sum.was !== sum.now)
    .toSorted(([, a], [, b]) => Math.abs(b.now - b.was) - Math.abs(a.now - a.was))
    .map(([key, sum]) => {
      const [day = "", subject = ""] = key.split("\t");
      return { day, subject, ...sum };
    });
  return { was, now, changed };
}

function linesOf(
  { tally, digest, revision }: Replayed,
  breaches: readonly BudgetBreach[],
  seconds: number,
  terminal: Terminal,
): readonly string[] {
  const perSecond = Math.round(tally.replayed / Math.max(seconds, 0.001));
  const lines = [
    `${tally.replayed} decisions decided again by "${plain(revision)}" (${digest.slice(0, 19)}…) in ${seconds.toFixed(1)} s, ${perSecond}/s`,
    `  ${tally.identical} identical, ${tally.reworded} with the same outcome and other words, ${[...tally.flips.values()].reduce((sum, count) => sum + count, 0)} with another outcome`,
  ];
  if (tally.passedOver > 0)
    lines.push(`  ${tally.passedOver} records passed over: no decisions, or not asked for`);
  if (tally.unreadable > 0) {
    lines.push(terminal.style("yellow", `  ${tally.unreadable} decisions could not be read`));
  }
  if (tally.sameBundle > 0) {
    lines.push(
      tally.mismatches === 0
        ? terminal.style(
            "green",
            `  of ${tally.sameBundle} decided by this very bundle, all came out the same, bit for bit`,
          )
        : terminal.style(
            "red",
            `  of ${tally.sameBundle} decided by this very bundle, ${tally.mismatches} came out otherwise`,
          ),
    );
    for (const example of tally.mismatchExamples) lines.push(`    ${exampleLine(example)}`);
  }
  for (const [flip, count] of tally.flips) {
    lines.push("", `${terminal.style("bold", flip)}  ${count}`);
    for (const part of ["reason", "action", "subject"] as const) {
      const rows = top(tally.flipsBy[part], Number.POSITIVE_INFINITY).filter(([of]) => of === flip);
      lines.push(
        ...tableLines(
          [part, "count"],
          rows.slice(0, ROWS_SHOWN).map(([, what, times]) => [what, times]),
        ).map((line) => `  ${line}`),
      );
    }
    for (const example of tally.examples.get(flip) ?? [])
      lines.push(`  e.g. ${exampleLine(example)}`);
  }
  const friction = frictionOf(tally);
  lines.push("", `step-ups: ${friction.was} then, ${friction.now} now`);
  const rows = friction.changed.slice(0, ROWS_SHOWN);
  if (rows.length > 0) {
    const table = rows.map(({ day, subject, was, now }) => [day, subject, was, now]);
    lines.push(...tableLines(["day", "subject", "then", "now"], table).map((line) => `  ${line}`));
  }
  for (const breach of breaches) lines.push(terminal.style("red", breachLine(breach)));
  return lines;
}

function breachLine({ rule, subject, day, was, now }: BudgetBreach): string {
  const whom = `${rule.role ?? "everybody"}${rule.action === undefined ? "" : `, ${rule.action}`}`;
  return `over budget (${plain(whom)}): ${plain(subject)} would be asked ${now} times on ${day}, the budget is ${rule.most}; it was ${was}`;
}

function exampleLine({ id, subject, action, time, was, now }: ReplayExample): string {
  const said = (one: ReplayExample["was"]): string => `${one.outcome} [${one.codes.join(", ")}]`;
  return plain(`${time} ${subject} ${action}: ${said(was)} → ${said(now)} (${id})`);
}

/** @returns flip, what and how often, the most first. */
function top(
  counts: ReadonlyMap<string, number>,
  most: number,
): readonly (readonly [string, string, number])[] {
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([key, count]) => {
      const [flip = "", what = ""] = key.split("\t");
      return [flip, what, count] as const;
    });
}
