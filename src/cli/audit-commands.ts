import type { Command } from "commander";
import { AuditService } from "../wire/messages.ts";
import { addExportCommand, addQueryCommand } from "./audit-query-command.ts";
import { addReceiptCommand } from "./audit-receipt-command.ts";
import { addVerifyCommand } from "./audit-verify-command.ts";
import type { CommandContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { recordLine } from "./record-line.ts";

interface TailOptions {
  readonly last: string;
  readonly follow?: boolean;
  readonly subject: string;
}

/** `stile audit …`: reads the audit trail, of a running server or from where it is kept. */
export function addAuditCommands(program: Command, context: CommandContext): void {
  const audit = program.command("audit").description("read the audit trail");
  audit
    .command("tail")
    .description("print the newest audit records, and with --follow those to come")
    .option("--last <count>", "how many to begin with", "20")
    .option("-f, --follow", "go on as records are written")
    .option("--subject <type:id>", "only records of this subject", "")
    .action((options: TailOptions) => tail(context, options));
  addVerifyCommand(audit, context);
  addReceiptCommand(audit, context);
  addQueryCommand(audit, context);
  addExportCommand(audit, context);
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
