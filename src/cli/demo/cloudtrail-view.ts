import { tableLines } from "../table.ts";
import { plain, type Terminal } from "../terminal.ts";
import type { CloudTrailSummary, Counts, Example } from "./cloudtrail-counts.ts";
import { wrapped } from "./day-view.ts";

const SHOWN = 12;
const NAME_CHARACTERS = 56;
const COLOURS = { allow: "green", deny: "red", step_up: "yellow" } as const;

/** @param tookMs for all decisions together. */
export function cloudTrailLines(
  summary: CloudTrailSummary,
  tookMs: number,
  terminal: Terminal,
): readonly string[] {
  const { lines, unread, outcomes } = summary;
  const decided = lines - unread;
  const perSecond = tookMs === 0 ? 0 : Math.round((decided / tookMs) * 1000);
  const title = (text: string): readonly string[] => ["", terminal.style("bold", text)];
  return [
    terminal.style("bold", `${decided} of ${lines} lines decided, one after the other`),
    `  ${(tookMs / 1000).toFixed(1)} s, ${perSecond} decisions/s over gRPC, client and server in one process`,
    ...title("Outcomes"),
    ...indented(tableLines([...COUNTED], [countsRow(outcomes)])),
    "  Unasked: a proof was needed, and so many challenges were open that none was added.",
    ...title("Who asked"),
    ...groupLines("subject", summary.by_subject),
    ...title("What was stopped most often"),
    ...groupLines("action", summary.by_action),
    ...title("Reasons given"),
    ...indented(
      tableLines(
        ["answers", "reason"],
        Object.entries(summary.by_reason)
          .toSorted(([, a], [, b]) => b - a)
          .slice(0, SHOWN)
          .map(([code, count]) => [count, code]),
      ),
    ),
    ...title("Examples"),
    ...summary.examples.flatMap((example) => exampleLines(example, terminal)),
  ];
}

const COUNTED = ["allow", "step-up", "deny", "of which unasked"] as const;

function countsRow(counts: Counts): readonly number[] {
  return [counts.allow, counts.step_up, counts.deny, counts.deny_unasked];
}

function groupLines(name: string, groups: Readonly<Record<string, Counts>>): readonly string[] {
  const stopped = ({ deny, step_up: stepUp }: Counts): number => deny + stepUp;
  const sorted = Object.entries(groups).toSorted(
    ([, a], [, b]) => stopped(b) - stopped(a) || b.allow - a.allow,
  );
  const rows = sorted
    .slice(0, SHOWN)
    .map(([text, counts]) => [...countsRow(counts), text.slice(0, NAME_CHARACTERS)]);
  const more = sorted.length - rows.length;
  return [
    ...indented(tableLines([...COUNTED, name], rows)),
    ...(more > 0 ? [`  and ${more} more; --json shows all`] : []),
  ];
}

function exampleLines(example: Example, terminal: Terminal): readonly string[] {
  const { time, subject, action, resource, outcome, reasons } = example;
  const shown = terminal.style(COLOURS[outcome], outcome.replace("_", "-").padEnd(7));
  return [
    `  ${shown}  ${terminal.style("dim", time.slice(11, 19))}  ${plain(`${subject}: ${action}`)}`,
    ...wrapped(`on ${resource}`, "           "),
    ...reasons.flatMap((reason) =>
      wrapped(reason, "           ").map((line) => terminal.style("dim", line)),
    ),
  ];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
