import { hash } from "node:crypto";
import type { Command } from "commander";
import { type AuditRecord, readRecord } from "../audit/audit-record.ts";
import type { SourceRecord } from "../core/audit.ts";
import { isJsonObject } from "../core/json.ts";
import { addSourceOptions, openSource, type SourceOptions } from "./audit-source.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { recordLine } from "./record-line.ts";
import { plain } from "./terminal.ts";

interface ReceiptOptions extends SourceOptions {
  readonly check?: string;
}

/** `stile audit receipt`: finds the record that a receipt or a decision id names. */
export function addReceiptCommand(audit: Command, context: CommandContext): void {
  const command = audit
    .command("receipt")
    .description("find a record by its decision id or receipt; exits 1 when it is not there")
    .argument("<id>", "decision id, or instance:sequence")
    .option("--check <hash>", "hash of the receipt, 64 hex digits: whether it is this record's");
  addSourceOptions(command).action(async (id: string, options: ReceiptOptions) => {
    const check = checkOf(options.check);
    const source = openSource(context, options);
    const found = await find(source.batches, id);
    const { terminal } = context;
    if (found === undefined) {
      if (context.json()) terminal.out(JSON.stringify({ found: false, id }));
      else terminal.out(`no record ${plain(id)} is in ${plain(source.name)}`);
      context.exit(EXIT.failure);
      return;
    }
    const matches = check === undefined || check === found.hash;
    const followed = found.followedBy === undefined ? null : found.followedBy === found.hash;
    if (context.json()) {
      const { instance, sequence } = found.record;
      const { place, hash: digest } = found;
      const record: unknown = JSON.parse(found.text);
      terminal.out(
        JSON.stringify({
          found: true,
          instance,
          sequence,
          hash: digest,
          place,
          matches,
          followed,
          record,
        }),
      );
    } else {
      terminal.out(recordLine(found.text, terminal));
      terminal.out(`  instance  ${plain(found.record.instance)}`);
      terminal.out(`  sequence  ${found.record.sequence}`);
      terminal.out(`  hash      ${found.hash}`);
      terminal.out(`  place     ${plain(found.place)}`);
      terminal.out(`  ${followedLine(followed)}`);
      if (check !== undefined) {
        terminal.out(
          matches
            ? terminal.style("green", "  the hash is that of the receipt")
            : terminal.style(
                "red",
                "  the hash is not that of the receipt: the record was changed",
              ),
        );
      }
    }
    context.exit(matches && followed !== false ? EXIT.done : EXIT.failure);
  });
}

function followedLine(followed: boolean | null): string {
  if (followed === null)
    return "the record after it is not there, so nothing follows that names it";
  return followed
    ? "the record after it names this hash"
    : "the record after it names another hash: one of the two was changed";
}

interface Found {
  readonly record: AuditRecord;
  readonly text: string;
  readonly hash: string;
  readonly place: string;
  /** `prev` of the record after. */
  followedBy: string | undefined;
}

async function find(
  batches: AsyncIterable<readonly SourceRecord[]>,
  id: string,
): Promise<Found | undefined> {
  /** `prev` by instance and number, of records that may follow what is not found yet. */
  let found: Found | undefined;
  const place = /^(.+):(\d{1,15})$/.exec(id);
  const wanted = place === null ? undefined : { instance: place[1], sequence: Number(place[2]) };
  const later = new Map<string, string>();
  for await (const batch of batches) {
    for (const { body, lane, offset } of batch) {
      const record = readRecord(body);
      if (record === undefined) continue;
      const isIt =
        record.id === id ||
        (record.instance === wanted?.instance && record.sequence === wanted?.sequence);
      if (isIt && found === undefined) {
        const text = body.toString("utf8");
        const followedBy = later.get(`${record.instance}:${record.sequence + 1}`);
        found = { record, text, hash: hashOf(text, body), place: `${lane}:${offset}`, followedBy };
      } else if (isNextOf(record, found)) {
        found.followedBy = prevOf(body);
        // A journal and an export are in order, and so there is nothing more to come.
        return found;
      } else if (found === undefined) {
        remember(later, `${record.instance}:${record.sequence}`, prevOf(body));
      }
    }
  }
  return found;
}

/** On the topic a record may be read before the one that it follows; mostly not long before. */
const REMEMBERED = 50_000;

function remember(later: Map<string, string>, key: string, prev: string): void {
  later.set(key, prev);
  const [oldest] = later.keys();
  if (later.size > REMEMBERED && oldest !== undefined) later.delete(oldest);
}

function isNextOf(record: AuditRecord, found: Found | undefined): found is Found {
  return (
    found !== undefined &&
    record.instance === found.record.instance &&
    record.sequence === found.record.sequence + 1
  );
}

/** A stub on the topic names the hash of the whole record. */
function hashOf(text: string, body: Buffer): string {
  const value: unknown = JSON.parse(text);
  const omitted = isJsonObject(value) ? value["omitted"] : undefined;
  const whole = isJsonObject(omitted) ? omitted["sha256"] : undefined;
  return typeof whole === "string" ? whole : hash("sha256", body, "hex");
}

function prevOf(body: Buffer): string {
  const value: unknown = JSON.parse(body.toString("utf8"));
  const prev = isJsonObject(value) ? value["prev"] : undefined;
  return typeof prev === "string" ? prev : "";
}

/** @throws UsageError */
function checkOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{64}$/i.test(text)) return text?.toLowerCase();
  throw new UsageError(`--check is "${text}", expected the hash of a receipt, 64 hex digits`);
}
