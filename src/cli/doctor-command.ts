import type { Command } from "commander";
import { type Config, readConfig } from "../config/config.ts";
import { describeError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import type { Finding } from "./doctor-checks.ts";
import { EXIT } from "./exit.ts";
import { plain, type Terminal } from "./terminal.ts";

/** `stile doctor`: looks at everything a server needs; exits 1 when something fails. */
export function addDoctorCommand(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .description("check configuration, data directory, bundle, keys, clock, Kafka and server")
    .option("--config <file>", "configuration file (default: STILE_CONFIG)")
    .action(async ({ config }: { readonly config?: string }) => {
      const findings = await examine(context, config);
      const { terminal } = context;
      if (context.json()) terminal.out(JSON.stringify({ findings }));
      else
        for (const finding of findings)
          for (const line of linesOf(finding, terminal)) terminal.out(line);
      context.exit(findings.some(({ level }) => level === "fail") ? EXIT.failure : EXIT.done);
    });
}

async function examine(
  context: CommandContext,
  file: string | undefined,
): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = readConfig({ env: context.env, file });
  } catch (thrown) {
    const remedy = "correct the file or the variable that is named";
    return [{ name: "configuration", level: "fail", detail: describeError(thrown), remedy }];
  }
  const detail = file ?? context.env["STILE_CONFIG"] ?? "defaults and environment";
  const { findingsOf } = await import("./doctor-checks.ts");
  return [
    { name: "configuration", level: "ok", detail, remedy: "" },
    ...(await findingsOf(config)),
  ];
}

function linesOf(finding: Finding, terminal: Terminal): readonly string[] {
  const colour = { ok: "green", warn: "yellow", fail: "red" } as const;
  const level = terminal.style(colour[finding.level], finding.level.padEnd(4));
  const line = `${level}  ${finding.name.padEnd(14)}  ${plain(finding.detail)}`;
  return finding.remedy === "" ? [line] : [line, `      ${" ".repeat(14)}  → ${finding.remedy}`];
}
