import { isSame, type Redecided, type ReplayResult } from "./replay-record.ts";

/** An answer that came out otherwise. */
export interface ReplayExample {
  readonly id: string;
  readonly subject: string;
  readonly action: string;
  readonly time: string;
  readonly was: { readonly outcome: string; readonly codes: readonly string[] };
  readonly now: { readonly outcome: string; readonly codes: readonly string[] };
}

/** Sums of a replay; those of several workers add up. Plain data, so that it can be posted. */
export interface ReplayTally {
  replayed: number;
  passedOver: number;
  unreadable: number;
  /** Decided then by this very bundle. */
  sameBundle: number;
  /** Of those, the ones that came out otherwise; there should be none. */
  mismatches: number;
  identical: number;
  /** Same outcome, other reasons or other text. */
  reworded: number;
  readonly mismatchExamples: ReplayExample[];
  /** `allow → deny` and so on. */
  readonly flips: Map<string, number>;
  /** `allow → deny | reason | action | subject`, each part as it is after the change. */
  readonly flipsBy: {
    readonly reason: Map<string, number>;
    readonly action: Map<string, number>;
    readonly subject: Map<string, number>;
  };
  readonly examples: Map<string, ReplayExample[]>;
  /** Step-ups by `day subject action`, tabs between, then and now. */
  readonly stepUps: Map<string, [was: number, now: number]>;
  /** Keys that found no room; 0 unless the history is very varied. */
  overflowed: number;
}

const EXAMPLES_MAX = 3;
const MISMATCHES_SHOWN = 10;
const KEYS_MAX = 200_000;

export function newTally(): ReplayTally {
  return {
    replayed: 0,
    passedOver: 0,
    unreadable: 0,
    sameBundle: 0,
    mismatches: 0,
    identical: 0,
    reworded: 0,
    mismatchExamples: [],
    flips: new Map(),
    flipsBy: { reason: new Map(), action: new Map(), subject: new Map() },
    examples: new Map(),
    stepUps: new Map(),
    overflowed: 0,
  };
}

/** Adds one result. @param digest of the bundle that decides now. */
export function addResult(tally: ReplayTally, result: ReplayResult, digest: string): void {
  if (result.kind === "passed_over") tally.passedOver += 1;
  else if (result.kind === "unreadable") tally.unreadable += 1;
  else addDecision(tally, result.decision, digest);
}

function addDecision(tally: ReplayTally, decision: Redecided, digest: string): void {
  const { was, now } = decision;
  tally.replayed += 1;
  countStepUps(tally, decision);
  const isSameBundle = decision.digest === digest;
  if (isSameBundle) tally.sameBundle += 1;
  if (isSame(decision)) {
    tally.identical += 1;
    return;
  }
  if (isSameBundle) {
    tally.mismatches += 1;
    if (tally.mismatchExamples.length < MISMATCHES_SHOWN) {
      tally.mismatchExamples.push(exampleOf(decision));
    }
  }
  if (was.outcome === now.outcome) {
    tally.reworded += 1;
    return;
  }
  const flip = `${was.outcome} → ${now.outcome}`;
  count(tally, tally.flips, flip, 1);
  for (const code of changedCodes(decision)) {
    count(tally, tally.flipsBy.reason, `${flip}\t${code}`, 1);
  }
  count(tally, tally.flipsBy.action, `${flip}\t${decision.action}`, 1);
  count(tally, tally.flipsBy.subject, `${flip}\t${decision.subject}`, 1);
  const examples = tally.examples.get(flip) ?? [];
  if (examples.length < EXAMPLES_MAX) {
    tally.examples.set(flip, [...examples, exampleOf(decision)]);
  }
}

/** The reasons that came, and those that went with a minus, since they explain the flip. */
function changedCodes({ was, now }: Redecided): readonly string[] {
  const came = now.codes.filter((code) => !was.codes.includes(code)).map((code) => `+${code}`);
  const went = was.codes.filter((code) => !now.codes.includes(code)).map((code) => `-${code}`);
  return [...new Set([...came, ...went])];
}

function exampleOf({ id, subject, action, time, was, now }: Redecided): ReplayExample {
  const of = ({ outcome, codes }: Redecided["was"]) => ({ outcome, codes });
  return { id, subject, action, time, was: of(was), now: of(now) };
}

function countStepUps(tally: ReplayTally, { was, now, time, subject, action }: Redecided): void {
  if (was.outcome !== "step_up" && now.outcome !== "step_up") return;
  const key = `${time.slice(0, 10)}\t${subject}\t${action}`;
  addPair(tally, key, [was.outcome === "step_up" ? 1 : 0, now.outcome === "step_up" ? 1 : 0]);
}

function addPair(tally: ReplayTally, key: string, more: readonly [number, number]): void {
  const before = tally.stepUps.get(key);
  if (before === undefined && tally.stepUps.size >= KEYS_MAX) tally.overflowed += 1;
  else tally.stepUps.set(key, [(before?.[0] ?? 0) + more[0], (before?.[1] ?? 0) + more[1]]);
}

function count(tally: ReplayTally, counts: Map<string, number>, key: string, by: number): void {
  const before = counts.get(key);
  if (before === undefined && counts.size >= KEYS_MAX) tally.overflowed += 1;
  else counts.set(key, (before ?? 0) + by);
}

/** Adds what another worker counted. */
export function addTally(to: ReplayTally, from: ReplayTally): void {
  to.replayed += from.replayed;
  to.passedOver += from.passedOver;
  to.unreadable += from.unreadable;
  to.sameBundle += from.sameBundle;
  to.mismatches += from.mismatches;
  to.identical += from.identical;
  to.reworded += from.reworded;
  to.overflowed += from.overflowed;
  const room = MISMATCHES_SHOWN - to.mismatchExamples.length;
  to.mismatchExamples.push(...from.mismatchExamples.slice(0, room));
  for (const [key, by] of from.flips) count(to, to.flips, key, by);
  for (const part of ["reason", "action", "subject"] as const) {
    for (const [key, by] of from.flipsBy[part]) count(to, to.flipsBy[part], key, by);
  }
  for (const [flip, examples] of from.examples) {
    const all = [...(to.examples.get(flip) ?? []), ...examples];
    to.examples.set(flip, all.slice(0, EXAMPLES_MAX));
  }
  for (const [key, pair] of from.stepUps) addPair(to, key, pair);
}
