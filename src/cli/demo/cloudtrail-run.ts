import { readFileSync } from "node:fs";
import type { Answer } from "../../client/stile-client.ts";
import { StileError } from "../../core/errors.ts";
import type { CommandContext } from "../context.ts";
import { plain, type Terminal } from "../terminal.ts";
import { type CloudTrailQuestion, questionFromCloudTrail } from "./cloudtrail-mapping.ts";
import { startDemoServer } from "./demo-server.ts";

/** Sent in one batch, which the clock's time is one of. */
const BATCH = 200;
const SHOWN = 8;

interface Decided {
  readonly asked: CloudTrailQuestion;
  readonly answer: Answer;
}

/** Counts of outcomes: for all lines, and by action, subject and reason. */
export interface CloudTrailSummary {
  readonly lines: number;
  /** Lines that are no CloudTrail event. */
  readonly unread: number;
  readonly outcomes: Counts;
  readonly bySubject: Readonly<Record<string, Counts>>;
  readonly byAction: Readonly<Record<string, Counts>>;
  readonly byReason: Readonly<Record<string, number>>;
}

interface Counts {
  readonly allow: number;
  readonly deny: number;
  readonly step_up: number;
}

/** Decides every line of a CloudTrail log under the shipped pack, at the line's own time. */
export async function decideCloudTrail(path: string, context: CommandContext): Promise<void> {
  const { asked, lines } = readLog(path);
  const started = performance.now();
  const decided = await decideAll(asked);
  const perSecond = Math.round((asked.length / (performance.now() - started)) * 1000);
  const summary = summaryOf(decided, lines);
  const { terminal } = context;
  if (context.json()) terminal.out(JSON.stringify(summary));
  else for (const line of summaryLines(summary, perSecond, terminal)) terminal.out(line);
}

function readLog(path: string): {
  readonly asked: readonly CloudTrailQuestion[];
  readonly lines: number;
} {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new StileError("invalid_request", `read the CloudTrail log ${path}`, { cause });
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const asked = lines.flatMap((line) => questionFromCloudTrail(parsed(line)) ?? []);
  return { asked: asked.toSorted((a, b) => a.timeMs - b.timeMs), lines: lines.length };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // counted as unread
  }
}

async function decideAll(asked: readonly CloudTrailQuestion[]): Promise<readonly Decided[]> {
  const server = await startDemoServer(asked[0]?.timeMs ?? 0);
  try {
    const decided: Decided[] = [];
    for (let at = 0; at < asked.length; ) {
      const timeMs = asked[at]?.timeMs ?? 0;
      const slice = asked.slice(at, at + BATCH).filter((one) => one.timeMs === timeMs);
      server.clock.moveTo(timeMs);
      const answers = await server.client.decideBatch(slice.map(({ question }) => question));
      for (const [index, answer] of answers.entries()) {
        const one = slice[index];
        if (one !== undefined) decided.push({ asked: one, answer });
      }
      at += slice.length;
    }
    return decided;
  } finally {
    await server.close();
  }
}

function summaryOf(decided: readonly Decided[], lines: number): CloudTrailSummary {
  const reasons = decided.flatMap(({ answer }) => answer.reasons.map(({ code }) => code));
  const byReason: Record<string, number> = {};
  for (const code of reasons) byReason[code] = (byReason[code] ?? 0) + 1;
  return {
    lines,
    unread: lines - decided.length,
    outcomes: countsOf(decided),
    bySubject: groupedBy(decided, ({ asked }) => {
      const { type, id } = asked.question.subject;
      return `${type}:${id}`;
    }),
    byAction: groupedBy(decided, ({ asked }) => asked.question.action.name),
    byReason,
  };
}

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
  return { allow: count("allow"), deny: count("deny"), step_up: count("step_up") };
}

function summaryLines(
  summary: CloudTrailSummary,
  perSecond: number,
  terminal: Terminal,
): readonly string[] {
  const { lines, unread, outcomes } = summary;
  const head = `${lines} lines, ${unread} unread, ${perSecond} decisions/s in this process`;
  return [
    terminal.style("bold", head),
    `  ${outcomes.allow} allow, ${outcomes.deny} deny, ${outcomes.step_up} step-up`,
    ...table("by subject", summary.bySubject, terminal),
    ...table("by action, most often stopped", summary.byAction, terminal),
    "",
    terminal.style("bold", "by reason"),
    ...Object.entries(summary.byReason)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([code, count]) => `  ${String(count).padStart(6)}  ${plain(code)}`),
  ];
}

function table(
  title: string,
  groups: Readonly<Record<string, Counts>>,
  terminal: Terminal,
): readonly string[] {
  const stopped = ({ deny, step_up: stepUp }: Counts): number => deny + stepUp;
  const rows = Object.entries(groups)
    .toSorted(([, a], [, b]) => stopped(b) - stopped(a))
    .slice(0, SHOWN);
  return [
    "",
    terminal.style("bold", title),
    "   allow    deny step-up",
    ...rows.map(([name, { allow, deny, step_up: stepUp }]) => {
      const counts = [allow, deny, stepUp].map((count) => String(count).padStart(7)).join(" ");
      return ` ${counts}  ${plain(name)}`;
    }),
  ];
}
