import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

/** `stile doctor`: placeholder until its checks are here. */
export function addDoctorCommand(program: Command, context: CommandContext): void {
  void context;
  program
    .command("doctor")
    .description("check configuration, bundle, data directory, broker, clock and keys");
}
