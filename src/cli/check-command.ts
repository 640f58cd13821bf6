import type { Command } from "commander";
import { buildBundle, findOpa } from "../policy/bundle-builder.ts";
import { checkFolder, declaredIn } from "../policy/check-folder.ts";
import type { Finding } from "../policy/finding.ts";
import { inputSchemaOf } from "../policy/input-schema.ts";
import type { CommandContext } from "./context.ts";
import { EXIT } from "./exit.ts";
import { plain, type Terminal } from "./terminal.ts";

interface CheckOptions {
  readonly schema?: boolean;
  readonly strict?: boolean;
}

/** `stile check`: says what is wrong, slow or doubtful in a folder of policies. */
export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command("check")
    .description("check a policy folder: errors, types, and what is slow or refused in WebAssembly")
    .argument("<folder>", "folder of Rego, data and features.yaml")
    .option("--schema", "print the JSON Schema of the input, and check nothing")
    .option("--strict", "exit 1 for warnings too")
    .action(async (folder: string, options: CheckOptions) => {
      if (options.schema === true) {
        const schema = inputSchemaOf(await declaredIn(folder));
        context.terminal.out(JSON.stringify(schema, null, 2));
        return;
      }
      const opa = await findOpa(context.env);
      const found = await checkFolder(folder, opa);
      const isBuildable = found.every(({ level }) => level !== "error");
      // Building says the rest: manifest roots, data, entrypoint, and whether it opens.
      if (isBuildable) await buildBundle(folder, opa);
      const fails = options.strict === true ? found.length > 0 : !isBuildable;
      tell(found, fails, context);
      context.exit(fails ? EXIT.failure : EXIT.done);
    });
}

function tell(found: readonly Finding[], fails: boolean, context: CommandContext): void {
  const { terminal } = context;
  const errors = found.filter(({ level }) => level === "error").length;
  const warnings = found.length - errors;
  if (context.json()) {
    terminal.out(JSON.stringify({ errors, warnings, findings: found }));
    return;
  }
  for (const finding of found) for (const line of linesOf(finding, terminal)) terminal.out(line);
  const mark = fails ? terminal.style("red", "fail") : terminal.style("green", "pass");
  terminal.out(`${mark}  ${errors} errors, ${warnings} warnings`);
}

function linesOf(finding: Finding, terminal: Terminal): readonly string[] {
  const { level, file, line, what, instead, code } = finding;
  const mark = level === "error" ? terminal.style("red", "fail") : terminal.style("yellow", "warn");
  const place = line === 0 ? file : `${file}:${line}`;
  const about = place === "" ? "" : `${plain(place)}: `;
  const head = `${mark}  ${about}${plain(what)} ${terminal.style("dim", `[${plain(code)}]`)}`;
  return instead === "" ? [head] : [head, `      instead: ${plain(instead)}`];
}
