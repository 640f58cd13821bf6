import { join } from "node:path";
import type { Command } from "commander";
import { type KnownReceipt, TrailCheck, type TrailReport } from "../audit/trail-check.ts";
import { addSourceOptions, openSource, type SourceOptions } from "./audit-source.ts";
import { hasKeys, readCheckpointKeys } from "./checkpoint-keys.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { tableLines } from "./table.ts";
import { plain, type Terminal } from "./terminal.ts";

interface VerifyOptions extends SourceOptions {
  readonly instance?: string;
  readonly receipt: readonly string[];
  readonly keys?: string;
}

const FINDINGS_SHOWN = 50;

/** `stile audit verify`: whether the trail is whole; exits 1 when it is not. */
export function addVerifyCommand(audit: Command, context: CommandContext): void {
  const command = audit
    .command("verify")
    .description("check numbers, hashes, order and checkpoints of the trail; exits 1 on findings")
    .option("--instance <id>", "take records of any other instance for foreign")
    .option(
      "--receipt <instance:sequence:hash>",
      "a receipt that must be found again; repeatable",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option("--keys <jwks>", "keys of checkpoints: JWKS file or URL, or a key folder");
  addSourceOptions(command).action(async (options: VerifyOptions) => {
    const receipts = options.receipt.map(receiptOf);
    const keyOf = await keysOf(context, options);
    const source = openSource(context, options, true);
    const { mayRepeat } = source;
    const check = new TrailCheck({ instance: options.instance, mayRepeat, receipts, keyOf });
    for await (const batch of source.batches) for (const record of batch) check.add(record);
    for (const place of source.damage) check.addDamage(place);
    const report = check.report();
    const { terminal } = context;
    if (context.json()) terminal.out(JSON.stringify(report));
    else for (const line of linesOf(report, source.name, terminal)) terminal.out(line);
    context.exit(report.findingsCount === 0 ? EXIT.done : EXIT.failure);
  });
}

/** @throws UsageError */
function receiptOf(text: string): KnownReceipt {
  const parts = /^(.+):(\d{1,15}):([0-9a-f]{64})$/i.exec(text);
  const [, instance, sequence, hash] = parts ?? [];
  if (instance === undefined || sequence === undefined || hash === undefined) {
    throw new UsageError(
      `--receipt is "${text}", expected instance:sequence:hash, the hash as 64 hex digits`,
    );
  }
  return { instance, sequence: Number(sequence), hash: hash.toLowerCase() };
}

/** Beside a journal its own keys are at hand, though whoever can write one can write the other. */
async function keysOf(context: CommandContext, options: VerifyOptions) {
  const beside = join(options.journal ?? context.env["STILE_DATA_DIR"] ?? ".stile", "keys");
  const isJournal = options.file === undefined && options.kafka === undefined;
  const from = options.keys ?? (isJournal && hasKeys(beside) ? beside : undefined);
  if (from === undefined) return undefined;
  const keys = await readCheckpointKeys(from);
  return (kid: string) => keys.get(kid);
}

function linesOf(report: TrailReport, source: string, terminal: Terminal): readonly string[] {
  const lines = [`${source}: ${report.read} records read`];
  if (report.repeats > 0) lines.push(`${report.repeats} of them were delivered again`);
  const rows = report.instances.map((one) => [
    one.instance,
    one.records,
    one.first,
    one.last,
    one.checkpoints,
    one.provenTo,
  ]);
  const head = ["instance", "records", "first", "last", "checkpoints", "proven to"];
  if (rows.length > 0) lines.push(...tableLines(head, rows).map((line) => `  ${line}`));
  for (const found of report.findings.slice(0, FINDINGS_SHOWN)) {
    const range = found.from === found.to ? `${found.from}` : `${found.from}-${found.to}`;
    const where = [found.instance, found.from === 0 ? "" : range].filter((text) => text !== "");
    const place = found.place === "" ? "" : ` (at ${found.place})`;
    const what = terminal.style("red", found.kind.padEnd(11));
    lines.push(`${what} ${plain(`${where.join(" ")}: ${found.detail}${place}`)}`);
  }
  const more = report.findingsCount - FINDINGS_SHOWN;
  if (more > 0) lines.push(`and ${more} more; --json shows up to 10000`);
  for (const sentence of report.unknown) lines.push(terminal.style("dim", plain(sentence)));
  lines.push(
    report.findingsCount === 0
      ? `${terminal.style("green", "whole")}  nothing is missing, altered, reordered or foreign`
      : `${terminal.style("red", "broken")}  ${report.findingsCount} findings`,
  );
  return lines;
}
