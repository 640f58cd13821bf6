import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describeError } from "../core/errors.ts";
import { buildBundle, findOpa } from "../policy/bundle-builder.ts";
import { type RowResult, readTables, runRow } from "../policy/decision-table.ts";
import { openPolicy } from "../policy/open-policy.ts";
import { type RegoTests, runRegoTests } from "../policy/rego-tests.ts";
import type { CommandContext } from "./context.ts";
import { EXIT } from "./exit.ts";
import { plain, type Terminal } from "./terminal.ts";

interface Outcome {
  readonly rego: RegoTests;
  readonly rows: readonly RowResult[];
}

/** `stile test`: Rego tests by OPA with coverage, and decision tables through the built bundle. */
export function addTestCommand(program: Command, context: CommandContext): void {
  program
    .command("test")
    .description("run the Rego tests and the decision tables of a policy folder")
    .argument("<folder>", "folder of Rego, data, features.yaml and tables/")
    .option("--watch", "run again at each change")
    .action(async (folder: string, options: { readonly watch?: boolean }) => {
      const outcome = await testFolder(folder, context);
      tell(outcome, context);
      context.exit(isGood(outcome) ? EXIT.done : EXIT.failure);
      if (options.watch === true) await watchFolder(folder, context);
    });
}

async function testFolder(folder: string, context: CommandContext): Promise<Outcome> {
  const opa = await findOpa(context.env);
  const [rego, { bundle }] = await Promise.all([
    runRegoTests(folder, opa),
    buildBundle(folder, opa),
  ]);
  const policy = await openPolicy(bundle, "test");
  const tables = join(folder, "tables");
  const rows = existsSync(tables) ? readTables(tables) : [];
  return { rego, rows: rows.map((row) => runRow(policy, row)) };
}

function isGood({ rego, rows }: Outcome): boolean {
  return rego.failed.length === 0 && rows.every(({ differences }) => differences.length === 0);
}

function tell({ rego, rows }: Outcome, context: CommandContext): void {
  const { terminal } = context;
  const failing = rows.filter(({ differences }) => differences.length > 0);
  if (context.json()) {
    const failed = failing.map(({ row, differences }) => ({
      file: row.file,
      name: row.name,
      differences,
    }));
    const passed = rows.length - failed.length;
    const { coveragePercent: coverage, ...counts } = rego;
    terminal.out(JSON.stringify({ rego: { ...counts, coverage }, tables: { passed, failed } }));
    return;
  }
  for (const name of rego.failed) terminal.out(`${terminal.style("red", "fail")}  ${plain(name)}`);
  for (const result of failing) for (const line of linesOf(result, terminal)) terminal.out(line);
  const good = isGood({ rego, rows });
  const mark = good ? terminal.style("green", "pass") : terminal.style("red", "fail");
  const covered = rego.coveragePercent === undefined ? "" : `, ${rego.coveragePercent} % covered`;
  const regoCounts = `${rego.passed} Rego tests passed, ${rego.failed.length} failed${covered}`;
  const rowCounts = `${rows.length - failing.length} rows passed, ${failing.length} failed`;
  terminal.out(`${mark}  ${regoCounts}; ${rowCounts}`);
}

function linesOf({ row, differences }: RowResult, terminal: Terminal): readonly string[] {
  const head = `${terminal.style("red", "fail")}  ${plain(row.file)}: ${plain(row.name)}`;
  return [
    head,
    ...differences.flatMap(({ what, wanted, got }) => [
      `      ${what}`,
      `        wanted ${terminal.style("green", plain(wanted))}`,
      `        got    ${terminal.style("red", plain(got))}`,
    ]),
  ];
}

/** Runs again a moment after the last of a burst of changes; ends with the process. */
async function watchFolder(folder: string, context: CommandContext): Promise<never> {
  let timer: NodeJS.Timeout | undefined;
  watch(folder, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      testFolder(folder, context).then(
        (outcome) => tell(outcome, context),
        (thrown: unknown) => context.terminal.err(describeError(thrown)),
      );
    }, 100);
  });
  return new Promise(() => undefined);
}
