import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Command } from "commander";
import { type AuditRecord, readRecord } from "../audit/audit-record.ts";
import { matches } from "../audit/record-filter.ts";
import { StileError } from "../core/errors.ts";
import { addSourceOptions, openSource, type SourceOptions } from "./audit-source.ts";
import type { CommandContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { recordLine } from "./record-line.ts";
import { csvLines } from "./table.ts";
import { addTimeOptions, type TimeOptions, timeRangeOf } from "./time-options.ts";

interface QueryOptions extends SourceOptions, TimeOptions {
  readonly subject?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly last?: string;
  readonly csv?: boolean;
}

interface Hit {
  readonly record: AuditRecord;
  readonly text: string;
}

const OUTCOMES: readonly string[] = ["allow", "deny", "step_up"];
/** What `--last` may keep in memory. */
const LAST_MAX = 1_000_000;

const CSV_HEAD = [
  "time",
  "type",
  "subject",
  "outcome",
  "event",
  "action",
  "resource",
  "reasons",
  "id",
  "challenge_id",
  "instance",
  "sequence",
];

/** `stile audit query`: finds records. */
export function addQueryCommand(audit: Command, context: CommandContext): void {
  const command = audit
    .command("query")
    .description("find records by subject, action, outcome, reason and time")
    .option("--subject <type:id>", "of this subject")
    .option("--action <name>", "of this action")
    .option("--outcome <outcome>", "allow, deny or step_up")
    .option("--reason <code>", "with this reason")
    .option("--last <count>", "the last so many of what is found")
    .option("--csv", "print CSV, one line a record");
  addTimeOptions(addSourceOptions(command)).action(async (options: QueryOptions) => {
    if (options.outcome !== undefined && !OUTCOMES.includes(options.outcome)) {
      throw new UsageError(`--outcome is "${options.outcome}", expected ${OUTCOMES.join(", ")}`);
    }
    if (options.csv === true && context.json()) throw new UsageError("give --json or --csv");
    const last = lastOf(options.last);
    const { subject, action, outcome, reason } = options;
    const filter = { subject, action, outcome, reason, ...timeRangeOf(options, Date.now()) };
    const { terminal } = context;
    const show = ({ record, text }: Hit): void => {
      if (context.json()) terminal.out(text);
      else if (options.csv === true) terminal.out(csvLines(csvRow(record), [])[0] ?? "");
      else terminal.out(recordLine(text, terminal));
    };
    if (options.csv === true) terminal.out(CSV_HEAD.join(","));
    const kept: Hit[] = [];
    for await (const batch of openSource(context, options).batches) {
      for (const { body } of batch) {
        const record = readRecord(body);
        if (record === undefined || !matches(record, filter)) continue;
        const hit = { record, text: body.toString("utf8") };
        if (last === undefined) show(hit);
        else kept.push(hit);
      }
      if (last !== undefined && kept.length > last) kept.splice(0, kept.length - last);
    }
    for (const hit of kept) show(hit);
  });
}

/** `stile audit export`: writes records as they are, one a line, to check and replay elsewhere. */
export function addExportCommand(audit: Command, context: CommandContext): void {
  const command = audit
    .command("export")
    .description("write records as they are, one a line")
    .option("-o, --output <file>", "where to; - is standard output", "-");
  addTimeOptions(addSourceOptions(command)).action(
    async (options: SourceOptions & TimeOptions & { readonly output: string }) => {
      const range = timeRangeOf(options, Date.now());
      const isFile = options.output !== "-";
      const out = isFile ? createWriteStream(options.output, { mode: 0o600 }) : process.stdout;
      let count = 0;
      try {
        if (isFile) await once(out, "open");
        for await (const batch of openSource(context, options).batches) {
          for (const { body } of batch) {
            const isAll = range.sinceMs === undefined && range.untilMs === undefined;
            const record = isAll ? undefined : readRecord(body);
            if (!isAll && (record === undefined || !matches(record, range))) continue;
            count += 1;
            if (!out.write(Buffer.concat([body, NEWLINE]))) await once(out, "drain");
          }
        }
        if (isFile) {
          out.end();
          await once(out, "finish");
        }
      } catch (thrown) {
        if (thrown instanceof StileError) throw thrown;
        const cause = thrown;
        throw new StileError("audit_unavailable", `write the export ${options.output}`, { cause });
      }
      if (isFile && context.json()) {
        context.terminal.out(JSON.stringify({ output: options.output, records: count }));
      } else if (isFile) context.terminal.out(`${count} records written to ${options.output}`);
    },
  );
}

const NEWLINE = Buffer.from("\n");

function csvRow(record: AuditRecord): string[] {
  return [
    record.time,
    record.type,
    record.subject,
    record.outcome,
    record.event,
    record.action,
    record.resource,
    record.reasons.map(({ code }) => code).join(" "),
    record.id,
    record.challengeId,
    record.instance,
    String(record.sequence),
  ];
}

/** @throws UsageError */
function lastOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const last = Number(text);
  if (Number.isInteger(last) && last > 0 && last <= LAST_MAX) return last;
  throw new UsageError(`--last is "${text}", expected a whole number from 1 to ${LAST_MAX}`);
}
