import type { Command } from "commander";
import { buildBundle, findOpa, writeBundle } from "../policy/bundle-builder.ts";
import type { CommandContext } from "./context.ts";

/** `stile build`: makes a bundle from a folder of policies. */
export function addBuildCommand(program: Command, context: CommandContext): void {
  program
    .command("build")
    .description("build a bundle from a folder of Rego, data and features.yaml")
    .argument("<folder>", "the folder")
    .option("-o, --output <file>", "where to write the bundle", "bundle.tar.gz")
    .action(async (folder: string, { output }: { readonly output: string }) => {
      const built = await buildBundle(folder, await findOpa(context.env));
      await writeBundle(built, output);
      const { revision, digest } = built.bundle;
      const bytes = built.bytes.length;
      const { terminal } = context;
      if (context.json()) terminal.out(JSON.stringify({ output, revision, digest, bytes }));
      else
        terminal.out(
          `${terminal.style("green", "built")}  ${output}, revision "${revision}", ${digest}, ${bytes} bytes`,
        );
    });
}
