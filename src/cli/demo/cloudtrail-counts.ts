import type { Answer } from "../../client/stile-client.ts";
import { entityKey } from "../../core/decision.ts";
import type { CloudTrailQuestion } from "./cloudtrail-mapping.ts";

/** A line with its answer. */
export interface Decided {
  readonly asked: CloudTrailQuestion;
  readonly answer: Answer;
}

export interface Counts {
  readonly allow: number;
  readonly deny: number;
  /** Of the denials, those where a proof was needed and the subject had too many challenges open. */
  readonly deny_unasked: number;
  readonly step_up: number;
}

/** Counts of outcomes: for all lines, and by subject, action and reason. */
export interface CloudTrailSummary {
  readonly lines: number;
  /** Lines that are no CloudTrail event. */
  readonly unread: number;
  readonly outcomes: Counts;
  readonly by_subject: Readonly<Record<string, Counts>>;
  readonly by_action: Readonly<Record<string, Counts>>;
  /** How many answers gave it. */
  readonly by_reason: Readonly<Record<string, number>>;
  readonly examples: readonly Example[];
}

/** A line that was the first to be answered so, for these reasons. */
export interface Example {
  readonly time: string;
  readonly subject: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: Answer["kind"];
  readonly reasons: readonly string[];
}

const EXAMPLES_EACH = 2;

/** @param lines of the log, those included that are no event. */
export function summaryOf(decided: readonly Decided[], lines: number): CloudTrailSummary {
  const byReason: Record<string, number> = {};
  for (const code of decided.flatMap(({ answer }) => codesOf(answer))) {
    byReason[code] = (byReason[code] ?? 0) + 1;
  }
  return {
    lines,
    unread: lines - decided.length,
    outcomes: countsOf(decided),
    by_subject: groupedBy(decided, ({ asked }) => entityKey(asked.question.subject)),
    by_action: groupedBy(decided, ({ asked }) => asked.question.action.name),
    by_reason: byReason,
    examples: (["allow", "step_up", "deny"] as const).flatMap((kind) => examplesOf(decided, kind)),
  };
}

function examplesOf(decided: readonly Decided[], kind: Answer["kind"]): readonly Example[] {
  const firsts = new Map<string, Example>();
  for (const { asked, answer } of decided) {
    const key = codesOf(answer).join();
    if (answer.kind !== kind || firsts.has(key)) continue;
    const { subject, action, resource } = asked.question;
    firsts.set(key, {
      time: new Date(asked.timeMs).toISOString(),
      subject: entityKey(subject),
      action: action.name,
      resource: entityKey(resource),
      outcome: kind,
      reasons: answer.reasons.map(({ message }) => message),
    });
  }
  return [...firsts]
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .map(([, one]) => one)
    .slice(0, EXAMPLES_EACH);
}

/** What the catalogue knows tells more. */
const rank = (codes: string): number => (codes.includes("not_in_catalogue") ? 1 : 0);

function groupedBy(
  decided: readonly Decided[],
  nameOf: (one: Decided) => string,
): Readonly<Record<string, Counts>> {
  const groups = new Map<string, Decided[]>();
  for (const one of decided) {
    const name = nameOf(one);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return Object.fromEntries([...groups].map(([name, group]) => [name, countsOf(group)]));
}

function countsOf(decided: readonly Decided[]): Counts {
  const count = (kind: Answer["kind"]): number =>
    decided.filter(({ answer }) => answer.kind === kind).length;
  const unasked = decided.filter(({ answer }) => codesOf(answer).includes("step_up_unavailable"));
  return {
    allow: count("allow"),
    deny: count("deny"),
    deny_unasked: unasked.length,
    step_up: count("step_up"),
  };
}

function codesOf(answer: Answer): readonly string[] {
  return answer.reasons.map(({ code }) => code);
}
