import { cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { projectDir, projectText, readDockerignore } from "./build-context.ts";
import type { Instruction, Stage } from "./dockerfile-reader.ts";

/** A command that a stage runs. */
export interface StageCommand {
  readonly stage: string;
  readonly command: string;
  /** The working directory, a real folder. */
  readonly cwd: string;
}

/**
 * Does what an engine does with a Dockerfile, without one: each stage is a folder, `COPY` copies,
 * `RUN` is handed over. What is beneath the stages, the base image, is this machine.
 *
 * @param out where the folders of the stages are made.
 * @returns the working directory of the last stage, a real folder.
 */
export async function runStages(
  stages: readonly Stage[],
  out: string,
  run: (command: StageCommand) => Promise<void>,
): Promise<string> {
  let cwd = out;
  for (const stage of stages) {
    const root = path.join(out, stage.name);
    cwd = root;
    for (const instruction of stage.instructions) {
      if (instruction.name === "WORKDIR") {
        cwd = path.join(root, instruction.text);
        await mkdir(cwd, { recursive: true });
      } else if (instruction.name === "COPY") {
        await copy(instruction, out, cwd);
      } else if (instruction.name === "RUN") {
        await run({ stage: stage.name, command: instruction.text, cwd });
      }
    }
  }
  return cwd;
}

/** Files of the project pass `.dockerignore`; those of another stage are all there. */
async function copy({ words, flags }: Instruction, out: string, cwd: string): Promise<void> {
  const isSent = readDockerignore(projectText(".dockerignore"));
  const stage = flags.get("from");
  const target = path.resolve(cwd, words.at(-1) ?? "");
  const intoFolder = words.length > 2 || words.at(-1)?.endsWith("/") === true;
  for (const source of words.slice(0, -1)) {
    if (stage === undefined && !isSent(source)) throw new Error(`${source} is not sent`);
    const from =
      stage === undefined ? path.join(projectDir, source) : path.join(out, stage, source);
    const to = intoFolder ? path.join(target, path.basename(source)) : target;
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}
