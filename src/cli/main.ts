#!/usr/bin/env node
import { Command, Option } from "commander";
import { addAuditCommands } from "./audit-commands.ts";
import { addBuildCommand } from "./build-command.ts";
import { addCheckCommand } from "./check-command.ts";
import { createContext } from "./context.ts";
import { addDecideCommand } from "./decide-command.ts";
import { addDemoCommand } from "./demo/demo-command.ts";
import { addDoctorCommand } from "./doctor-command.ts";
import { addEvalCommand } from "./eval-command.ts";
import { addExecCommand } from "./exec-command.ts";
import { EXIT, reportFailure, UsageError } from "./exit.ts";
import { addFactorCommands } from "./factor-commands.ts";
import { addReplayCommand } from "./replay-command.ts";
import { addServeCommand } from "./serve-command.ts";
import { processTerminal } from "./terminal.ts";
import { addTestCommand } from "./test-command.ts";

const DEFAULT_SERVER = "127.0.0.1:50051";

/** Runs one command line and @returns the exit code. */
async function main(words: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  let exitCode: number = EXIT.done;
  // Known before the options are parsed, since that may be what fails.
  const isJson = wordsOfStile(words).includes("--json");
  const program = new Command("stile")
    .description("Policy decision point: allow, deny or step-up.")
    .addOption(
      new Option("--server <host:port>", "gRPC address of the server")
        .env("STILE_GRPC_ADDR")
        .default(DEFAULT_SERVER),
    )
    .option("--json", "print JSON")
    .configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => {
        if (!isJson) process.stderr.write(text);
      },
      outputError: (text, write) => write(text.replace(/^error: /, "stile: ")),
    })
    .showHelpAfterError("(see --help)")
    .exitOverride();
  const options = (): { readonly json?: boolean; readonly server: string } => program.opts();
  const context = createContext({
    terminal,
    env: process.env,
    options,
    exit: (code) => {
      exitCode = code;
    },
  });
  addServeCommand(program, context);
  addDecideCommand(program, context);
  addExecCommand(program, context);
  addFactorCommands(program, context);
  addAuditCommands(program, context);
  addReplayCommand(program, context);
  addBuildCommand(program, context);
  addCheckCommand(program, context);
  addTestCommand(program, context);
  addEvalCommand(program, context);
  addDemoCommand(program, context);
  addDoctorCommand(program, context);
  try {
    if (words.length === 0) throw new UsageError("give a command; `stile --help` lists them");
    await program.parseAsync(["node", "stile", ...words]);
    return exitCode;
  } catch (thrown) {
    return reportFailure(thrown, terminal, isJson);
  }
}

/** What comes after `--` is for the command that `exec` runs. */
function wordsOfStile(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end === -1 ? words : words.slice(0, end);
}

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
process.exitCode = await main(process.argv.slice(2));
