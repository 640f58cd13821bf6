import { join } from "node:path";
import { batchEcho } from "./contestants/batch-echo.ts";
import type { Contestant } from "./contestants/contestant.ts";
import { decideContestant } from "./contestants/decide.ts";
import { decideBatchContestant } from "./contestants/decide-batch.ts";
import { decideStreamContestant } from "./contestants/decide-stream.ts";
import { evaluation } from "./contestants/evaluation.ts";
import { opaRestContestant } from "./contestants/opa-rest.ts";
import type { StileBuild } from "./contestants/stile-build.ts";
import { streamEcho } from "./contestants/stream-echo.ts";
import { unaryEcho } from "./contestants/unary-echo.ts";
import type { BenchOptions } from "./options.ts";
import { findOpa, OUTPUT, STILE_MAIN } from "./places.ts";
import type { Entrant } from "./rounds.ts";

/** @returns the contestants that the options and the machine allow, floors before what stands on them. */
export function contestantsOf(options: BenchOptions): readonly Contestant[] {
  const opa = findOpa();
  const builds = buildsOf(options);
  const all = [
    unaryEcho,
    ...builds.map(decideContestant),
    streamEcho,
    ...builds.map(decideStreamContestant),
    evaluation,
    batchEcho,
    ...builds.map(decideBatchContestant),
    ...(opa === undefined ? [] : [opaRestContestant(opa)]),
  ];
  const { only } = options;
  if (only.length === 0) return all;
  return all.filter(({ name }) => only.includes(name.replace(/ \(.*\)$/, "")));
}

/** Starts all; where one does not start, those that did are stopped again. */
export async function startAll(contestants: readonly Contestant[]): Promise<readonly Entrant[]> {
  const entrants: Entrant[] = [];
  try {
    for (const contestant of contestants) {
      entrants.push({ contestant, running: await contestant.start() });
    }
    return entrants;
  } catch (thrown) {
    await stopAll(entrants);
    throw thrown;
  }
}

export async function stopAll(entrants: readonly Entrant[]): Promise<void> {
  await Promise.allSettled(entrants.map(({ running }) => running.stop()));
}

function buildsOf({ also, profile }: BenchOptions): readonly StileBuild[] {
  const nodeArgs = profile
    ? ["--cpu-prof", `--cpu-prof-dir=${join(OUTPUT, "profiles")}`, "--cpu-prof-interval=200"]
    : [];
  const others = [...also].map(([label, main]) => ({ main, suffix: ` (${label})`, nodeArgs }));
  return [{ main: STILE_MAIN, suffix: "", nodeArgs }, ...others];
}
