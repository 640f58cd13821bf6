import { createReadStream } from "node:fs";
import type { Command } from "commander";
import type { JournalDamage } from "../audit/journal-reader.ts";
import { journalRecords, lineRecords } from "../audit/record-source.ts";
import type { SourceRecord } from "../core/audit.ts";
import { StileError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";
import type { CommandContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { startProgress } from "./progress.ts";

/** Where records are read from. */
export interface SourceOptions {
  readonly journal?: string;
  readonly file?: string;
  readonly kafka?: string;
}

/** Records to read, in order within a lane. */
export interface RecordSource {
  /** For people. */
  readonly name: string;
  /** Whether a record may come more than once. */
  readonly mayRepeat: boolean;
  /** Places of the journal that hold no record, filled while it is read. */
  readonly damage: readonly string[];
  readonly batches: AsyncIterable<readonly SourceRecord[]>;
}

/** Repeated deliveries come soon after the first. */
const IDS_REMEMBERED = 200_000;

export function addSourceOptions(command: Command): Command {
  return command
    .option("--journal <folder>", "data directory of a server (default: STILE_DATA_DIR, .stile)")
    .option("--file <export.jsonl>", "an export, one record a line; - is standard input")
    .option("--kafka <brokers>", "the topic stile.audit.v1, host:port[,host:port…]");
}

/**
 * Opens the source that the options name.
 *
 * @param repeats whether to hand on repeated deliveries too.
 * @throws UsageError for more than one source.
 */
export function openSource(
  context: CommandContext,
  options: SourceOptions,
  repeats = false,
): RecordSource {
  const { journal, file, kafka } = options;
  const given = [journal, file, kafka].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError("give one of --journal, --file and --kafka");
  if (file !== undefined) {
    const name = file === "-" ? "stdin" : file;
    return { name, mayRepeat: false, damage: [], batches: withProgress(readFile(file, name)) };
  }
  if (kafka !== undefined) {
    const brokers = kafka.split(",").map((broker) => broker.trim());
    if (!brokers.every((broker) => /^[^:\s]+:\d{1,5}$/.test(broker))) {
      throw new UsageError(`--kafka is "${kafka}", expected host:port[,host:port…]`);
    }
    const all = readKafka(brokers);
    const batches = withProgress(repeats ? all : dropRepeats(all));
    return { name: `stile.audit.v1 on ${kafka}`, mayRepeat: true, damage: [], batches };
  }
  const folder = journal ?? context.env["STILE_DATA_DIR"] ?? ".stile";
  const damage: string[] = [];
  const onDamage = ({ path, offset }: JournalDamage): void => {
    damage.push(`${path}:${offset}`);
    context.terminal.err(`stile: ${path} is damaged at offset ${offset}; reading goes on behind`);
  };
  const batches = withProgress(journalRecords(folder, onDamage));
  return { name: `the journal in ${folder}`, mayRepeat: false, damage, batches };
}

async function* readFile(file: string, name: string): AsyncIterable<readonly SourceRecord[]> {
  const chunks = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  try {
    yield* lineRecords(chunks, name);
  } catch (thrown) {
    if (thrown instanceof StileError) throw thrown;
    throw new StileError("audit_unavailable", `read ${name}`, { cause: thrown });
  }
}

/** Kafka's client is loaded only where it is asked for. */
async function* readKafka(brokers: readonly string[]): AsyncIterable<readonly SourceRecord[]> {
  const { scanAudit } = await import("../kafka/audit-source.ts");
  yield* scanAudit({ brokers });
}

async function* dropRepeats(
  batches: AsyncIterable<readonly SourceRecord[]>,
): AsyncIterable<readonly SourceRecord[]> {
  const seen = new Set<string>();
  for await (const batch of batches) {
    yield batch.filter(({ body }) => {
      const id = idOf(body);
      if (id === undefined) return true;
      if (seen.has(id)) return false;
      seen.add(id);
      const [oldest] = seen;
      if (seen.size > IDS_REMEMBERED && oldest !== undefined) seen.delete(oldest);
      return true;
    });
  }
}

function idOf(body: Buffer): string | undefined {
  // The id is the first member of a record; whoever wrote it otherwise pays for a whole reading.
  const head = /^\{"id":"([^"\\]+)"/.exec(body.toString("latin1", 0, 256));
  if (head?.[1] !== undefined) return head[1];
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    const id = isJsonObject(value) ? value["id"] : undefined;
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}

async function* withProgress(
  batches: AsyncIterable<readonly SourceRecord[]>,
): AsyncIterable<readonly SourceRecord[]> {
  const progress = startProgress("records read");
  try {
    for await (const batch of batches) {
      progress.add(batch.length);
      yield batch;
    }
  } finally {
    progress.end();
  }
}
