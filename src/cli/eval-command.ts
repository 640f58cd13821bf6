import { createInterface } from "node:readline";
import type { Command } from "commander";
import { evalLine } from "../policy/eval-lines.ts";
import type { CommandContext } from "./context.ts";
import { UsageError } from "./exit.ts";

/** `stile eval --lines`: evaluates policy modules, a question a line, an answer a line. */
export function addEvalCommand(program: Command, context: CommandContext): void {
  program
    .command("eval")
    .description("evaluate compiled policies: one JSON object a line in, one out")
    .option("--lines", "read standard input line by line")
    .action(async (options: { readonly lines?: boolean }) => {
      if (options.lines !== true)
        throw new UsageError("give --lines, and one JSON object a line on standard input");
      for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
        if (line.trim() !== "") context.terminal.out(evalLine(line));
      }
    });
}
