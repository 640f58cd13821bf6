import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { overBudget, readBudget } from "./budget.ts";
import { contestantsOf, startAll, stopAll } from "./entrants.ts";
import { benchFeatures } from "./features.ts";
import { type Figure, figuresOf, type Measured } from "./figures.ts";
import { loadNow, thisMachine } from "./machine.ts";
import { type BenchOptions, readOptions, USAGE } from "./options.ts";
import { writePage } from "./page.ts";
import { BUDGET, OUTPUT, PAGE, STILE_MAIN } from "./places.ts";
import { type Entrant, type Rounds, runRound, runRounds } from "./rounds.ts";
import { firstAnswerMs } from "./start-up.ts";
import { spreadOf } from "./statistics.ts";
import { figuresTable, roundsTable, tableText } from "./table.ts";

const FEW_CALLERS = 16;
const NO_ROUNDS: Rounds = new Map();

/** Prints a line, or a table, of the report. */
type Say = (text: string) => void;

async function main(options: BenchOptions, say: Say): Promise<number> {
  const machine = thisMachine();
  say(`${machine.processor}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}`);
  say(`load average ${loadNow().toFixed(2)} at the start`);
  mkdirSync(OUTPUT, { recursive: true });

  const startsMs = await measureStarts(options);
  const entrants = await startAll(contestantsOf(options));
  let measured: Measured;
  try {
    measured = { ...(await measure(entrants, options, say)), startsMs };
  } finally {
    await stopAll(entrants);
  }
  const figures = figuresOf(measured, "");
  say(`\nwhat counts\n${figuresTable(figures)}`);
  for (const label of options.also.keys()) {
    say(`the same for ${label}\n${figuresTable(figuresOf(measured, ` (${label})`))}`);
  }
  const features = await measureFeatures(options.featureEntities, say);
  const loadAtEnd = loadNow();
  say(`load average ${loadAtEnd.toFixed(2)} at the end`);
  writeReport({ machine, loadAtEnd, options, figures, features, measured, entrants });
  return verdict(measured, figures, options);
}

/** The loads one after the other, each interleaved over all entrants. */
async function measure(
  entrants: readonly Entrant[],
  { rounds, roundMs, warmingMs }: BenchOptions,
  say: Say,
): Promise<Omit<Measured, "startsMs">> {
  for (const entrant of entrants) {
    const { callers } = entrant.contestant;
    await runRound(entrant, { kind: "closed", callers, durationMs: warmingMs });
  }
  const told = (round: number): void => {
    process.stderr.write(`round ${round} of ${rounds}\n`);
  };
  const busy = await runRounds(
    entrants,
    rounds,
    ({ callers }) => ({ kind: "closed", callers, durationMs: roundMs }),
    told,
  );
  say("\nclosed loop, busy (64 callers, 8 of batches, on 4 connections)");
  say(roundsTable(entrants, busy));

  const swift = entrants.filter(({ contestant }) => contestant.alsoLatency);
  const few = await runRounds(
    swift,
    rounds,
    () => ({ kind: "closed", callers: FEW_CALLERS, durationMs: roundMs }),
    told,
  );
  if (swift.length > 0) {
    say(`closed loop, ${FEW_CALLERS} callers on 4 connections`);
    say(roundsTable(swift, few));
  }

  const capacity = spreadOf((busy.get("Decide") ?? []).map(({ perS }) => perS)).median;
  if (Number.isNaN(capacity)) return { busy, few, fixed: NO_ROUNDS };
  const callsPerS = capacity / 2;
  const fixed = await runRounds(
    swift,
    rounds,
    () => ({ kind: "fixed", callsPerS, durationMs: roundMs * 2 }),
    told,
  );
  say(`fixed rate, ${callsPerS.toFixed(0)} a second (half of what Decide reached), from when due`);
  say(roundsTable(swift, fixed));
  return { busy, few, fixed };
}

async function measureStarts({ starts, only }: BenchOptions): Promise<readonly number[]> {
  const startsMs: number[] = [];
  if (only.length > 0) return startsMs;
  for (let start = 0; start < starts; start += 1) startsMs.push(await firstAnswerMs(STILE_MAIN));
  return startsMs;
}

async function measureFeatures(entityCount: number, say: Say) {
  if (entityCount === 0) return [];
  const rows = await benchFeatures(entityCount);
  say("\nfeature state, in process");
  say(tableText(rows.map(({ name, value, unit }) => [name, value.toPrecision(3), unit])));
  return rows;
}

function writeReport(parts: {
  readonly machine: ReturnType<typeof thisMachine>;
  readonly loadAtEnd: number;
  readonly options: BenchOptions;
  readonly figures: readonly Figure[];
  readonly features: Awaited<ReturnType<typeof measureFeatures>>;
  readonly measured: Measured;
  readonly entrants: readonly Entrant[];
}): void {
  const { machine, loadAtEnd, options, figures, features, measured, entrants } = parts;
  const report = {
    at: new Date().toISOString(),
    machine,
    loadAtEnd,
    options: { ...options, also: Object.fromEntries(options.also) },
    contestants: entrants.map(({ contestant: { name, what } }) => ({ name, what })),
    figures,
    features,
    startsMs: measured.startsMs,
    busy: Object.fromEntries(measured.busy),
    few: Object.fromEntries(measured.few),
    fixed: Object.fromEntries(measured.fixed),
  };
  const path = join(OUTPUT, "last.json");
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(`every round is in ${path}\n`);
}

/** @returns the exit code. A wrong answer fails a run whatever it was asked to check. */
function verdict(
  { busy, few, fixed }: Measured,
  figures: readonly Figure[],
  { check }: BenchOptions,
): number {
  const wrong = [busy, few, fixed].flatMap((rounds) =>
    [...rounds].flatMap(([name, own]) =>
      own.flatMap(({ faults }) => faults.map((fault) => `${name}: ${fault}`)),
    ),
  );
  for (const line of wrong.slice(0, 10)) process.stderr.write(`wrong answer: ${line}\n`);
  const over = check ? overBudget(figures, readBudget(BUDGET)) : [];
  for (const line of over) process.stderr.write(`over budget: ${line}\n`);
  if (check && over.length === 0) process.stdout.write("within the budget\n");
  return wrong.length > 0 || over.length > 0 ? 1 : 0;
}

const said: string[] = [];

try {
  const options = readOptions(process.argv.slice(2));
  process.exitCode = await main(options, (text) => {
    said.push(text);
    process.stdout.write(`${text}\n`);
  });
  if (options.page && process.exitCode === 0) writePage(PAGE, said.join("\n"));
} catch (thrown) {
  if (!(thrown instanceof TypeError)) throw thrown;
  process.stderr.write(`${thrown.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
