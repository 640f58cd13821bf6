import type { Command } from "commander";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { AuditService } from "../wire/messages.ts";
import type { CommandContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { plain, type Terminal } from "./terminal.ts";

interface TailOptions {
  readonly last: string;
  readonly follow?: boolean;
  readonly subject: string;
}

/** `stile audit …`: reads the audit trail of the server. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("read the audit trail");
  audit
    .command("tail")
    .description("print the newest audit records, and with --follow those to come")
    .option("--last <count>", "how many to begin with", "20")
    .option("-f, --follow", "go on as records are written")
    .option("--subject <type:id>", "only records of this subject", "")
    .action((options: TailOptions) => tail(context, options));
}

async function tail(context: CommandContext, options: TailOptions): Promise<void> {
  const last = Number(options.last);
  if (!Number.isInteger(last) || last < 0) {
    throw new UsageError(`--last is "${options.last}", expected a whole number from 0`);
  }
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  await context.withClient(async ({ connection }) => {
    const request = { last, follow: options.follow === true, subject: options.subject };
    const records = connection.serverStream(AuditService, "tail", request, { signal: stop.signal });
    for await (const { recordJson } of records) {
      const text = Buffer.from(recordJson).toString("utf8");
      context.terminal.out(context.json() ? text : recordLine(text, context.terminal));
    }
  });
}

/** @returns one line for a person: when, what, who, and the first ground. */
export function recordLine(text: string, terminal: Terminal): string {
  const record: unknown = JSON.parse(text);
  if (!isJsonObject(record)) return plain(text);
  const time = terminal.style("dim", textAt(record, "time"));
  const subject = textAt(record, "subject");
  if (record["type"] !== "stile.decision.v1") {
    const event = textAt(record, "event");
    const kind = textAt(record, "type").replace(/^stile\.|\.v1$/g, "");
    return `${time}  ${plain(`${kind} ${event}`).padEnd(18)} ${plain(subject)}`;
  }
  const outcome = textAt(record, "outcome");
  const colour = outcome === "allow" ? "green" : outcome === "deny" ? "red" : "yellow";
  const shown = terminal.style(colour, outcome.padEnd(7));
  const { action, resource } = objectAt(record, "input");
  const what = `${textAt(action, "name")} on ${textAt(resource, "type")}:${textAt(resource, "id")}`;
  return `${time}  ${shown} ${plain(subject)}  ${plain(what)}  ${terminal.style("dim", plain(firstReason(record)))}`;
}

function firstReason(record: JsonObject): string {
  const reasons = record["reasons"];
  const first: unknown = Array.isArray(reasons) ? reasons[0] : undefined;
  return textAt(first, "message");
}

function objectAt(record: JsonObject, key: string): JsonObject {
  const value = record[key];
  return isJsonObject(value) ? value : {};
}

function textAt(value: unknown, key: string): string {
  const found = isJsonObject(value) ? value[key] : undefined;
  return typeof found === "string" ? found : "";
}
