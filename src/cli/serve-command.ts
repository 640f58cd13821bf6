import type { Command } from "commander";
import { readConfig } from "../config/config.ts";
import { createLog } from "../telemetry/pino-log.ts";
import type { CommandContext } from "./context.ts";

/** `stile serve`: runs the server until it is told to stop. */
export function addServeCommand(program: Command, context: CommandContext): void {
  program
    .command("serve")
    .description("run the server")
    .option("--config <file>", "configuration file (default: STILE_CONFIG)")
    .action(async (options: { readonly config?: string }) => {
      const config = readConfig({ env: context.env, file: options.config });
      const log = createLog(config.logLevel);
      const { startApp } = await import("../app.ts");
      const app = await startApp(config, { log });
      const { terminal } = context;
      terminal.err(`Stile answers gRPC on ${app.grpcAddress}, HTTP on ${app.httpAddress}`);
      terminal.err(`  policy ${app.policyLine}`);
      terminal.err(`  audit  ${app.auditLine}`);
      await stopSignal();
      await app.close();
    });
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve();
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
}
