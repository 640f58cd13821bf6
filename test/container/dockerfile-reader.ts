/** One instruction of a Dockerfile, such as `COPY` with its words. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** What follows the name, lines joined. */
  readonly text: string;
  /** Words of `--name=value` before the rest, by name. */
  readonly flags: ReadonlyMap<string, string>;
  /** The other words; those of a JSON list where one stands there. */
  readonly words: readonly string[];
}

/** What stands between two `FROM`. */
export interface Stage {
  readonly name: string;
  /** The image or the stage it begins from, arguments filled in. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads as much of a Dockerfile as ours needs: comments, continued lines, flags, JSON lists,
 * `ARG` before the first `FROM`. No here-documents.
 *
 * @throws Error for an instruction before the first `FROM` other than `ARG`.
 */
export function readDockerfile(text: string): readonly Stage[] {
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  const args = new Map<string, string>();
  for (const instruction of instructionsOf(text)) {
    const stage = stages.at(-1);
    if (instruction.name === "FROM") {
      const [image = "", , name = String(stages.length)] = instruction.words;
      stages.push({ name, from: filled(image, args), instructions: [] });
    } else if (stage !== undefined) {
      stage.instructions.push(instruction);
    } else if (instruction.name === "ARG") {
      const [name = "", value = ""] = instruction.text.split("=");
      args.set(name, value);
    } else {
      throw new Error(`${instruction.name} stands before the first FROM`);
    }
  }
  return stages;
}

/** @returns the stage that becomes the image. @throws Error where there is none. */
export function imageOf(stages: readonly Stage[]): Stage {
  const last = stages.at(-1);
  if (last === undefined) throw new Error("the Dockerfile has no stage");
  return last;
}

/** @returns what the `ENV` instructions of a stage set. */
export function environmentOf(stage: Stage): Readonly<Record<string, string>> {
  const pairs = stage.instructions
    .filter(({ name }) => name === "ENV")
    .flatMap(({ words }) => words.map((word): [string, string] => cutAt(word, "=")));
  return Object.fromEntries(pairs);
}

/** @returns the last instruction of a name, which is the one that counts. */
export function lastOf(stage: Stage, name: string): Instruction | undefined {
  return stage.instructions.findLast((instruction) => instruction.name === name);
}

/** @returns the words of the command of `HEALTHCHECK`. */
export function healthCommandOf(stage: Stage): readonly string[] {
  const [, command] = cutAt(lastOf(stage, "HEALTHCHECK")?.text ?? "", "CMD ");
  return wordsOf(command);
}

function instructionsOf(text: string): readonly Instruction[] {
  const kept = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return kept
    .join("\n")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(instructionOf);
}

function instructionOf(line: string): Instruction {
  const [name, text] = cutAt(line.trim(), " ");
  const words = wordsOf(text);
  const flagCount = words.findIndex((word) => !word.startsWith("--"));
  const flags = words
    .slice(0, Math.max(0, flagCount))
    .map((word): [string, string] => cutAt(word.slice(2), "="));
  return {
    name: name.toUpperCase(),
    text,
    flags: new Map(flags),
    words: words.slice(Math.max(0, flagCount)),
  };
}

function wordsOf(text: string): readonly string[] {
  if (!text.startsWith("[")) return text.split(/\s+/).filter((word) => word !== "");
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error(`no list: ${text}`);
  return list.map(String);
}

function filled(text: string, args: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => args.get(name) ?? "");
}

/** @returns the text before and after the first occurrence; the whole and "" where there is none. */
function cutAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}
