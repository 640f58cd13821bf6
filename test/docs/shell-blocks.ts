import { readFileSync } from "node:fs";

/** One fenced block of shell commands in a page. */
export interface ShellBlock {
  readonly page: string;
  readonly line: number;
  /** Commands, continued lines joined. */
  readonly commands: readonly string[];
  /** Words after `sh` on the fence: `exit=11`, `interactive`, `needs=opa`, `skip=why`. */
  readonly marks: ReadonlyMap<string, string>;
}

/** @returns the `sh` blocks of a Markdown page, in order. */
export function shellBlocksOf(page: string, path: string): readonly ShellBlock[] {
  const lines = readFileSync(path, "utf8").split("\n");
  const blocks: ShellBlock[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^```sh\b(.*)$/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const end = lines.indexOf("```", at + 1);
    const text = lines.slice(at + 1, end).join("\n");
    blocks.push({ page, line: at + 1, commands: commandsOf(text), marks: marksOf(fence[1] ?? "") });
    at = end;
  }
  return blocks;
}

/** A command goes on over a backslash at the end of a line, and over an open quote. */
function commandsOf(text: string): readonly string[] {
  const commands: string[] = [];
  let open = "";
  for (const line of text.split("\n")) {
    open = open === "" ? line : `${open}\n${line}`;
    const quotes = open.replaceAll(/[^']/g, "").length;
    if (quotes % 2 === 1 || line.endsWith("\\")) continue;
    if (open.trim() !== "") commands.push(open);
    open = "";
  }
  return commands;
}

function marksOf(text: string): ReadonlyMap<string, string> {
  const words = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  return new Map(
    words.map((word) => [word.split("=")[0] ?? "", word.split("=").slice(1).join("=")]),
  );
}
