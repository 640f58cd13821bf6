import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

interface DemoOptions {
  readonly cloudtrail?: string;
  readonly keep?: boolean;
}

/** `stile demo`: a day of a team of operators against a server of its own. */
export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command("demo")
    .description("play a day of an operations team against a server of its own")
    .option("--cloudtrail <file>", "decide the lines of a CloudTrail log instead (JSON lines)")
    .option("--keep", "leave the server's folder, with the audit records")
    .action(async ({ cloudtrail, keep = false }: DemoOptions) => {
      // Loaded here: it brings the whole server, which other commands need not wait for.
      if (cloudtrail === undefined) {
        const { playDay } = await import("./play-day.ts");
        context.exit(await playDay(context, { keep }));
        return;
      }
      const { decideCloudTrail } = await import("./cloudtrail-run.ts");
      await decideCloudTrail(cloudtrail, context);
    });
}
