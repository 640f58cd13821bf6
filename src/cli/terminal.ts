import { createInterface } from "node:readline/promises";
import { stripVTControlCharacters, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Where a command writes and asks; tests hand in their own. */
export interface Terminal {
  /** Whether a person is there to answer. */
  readonly interactive: boolean;
  /** Prints a line to standard output. */
  out(line: string): void;
  /** Prints a line to standard error. */
  err(line: string): void;
  style(style: Style, text: string): string;
  /** Asks for one line. Rejects when nobody answers (end of input). */
  ask(question: string): Promise<string>;
}

/** The terminal of this process. Colours obey NO_COLOR and are left out of pipes. */
export function processTerminal(): Terminal {
  const colours = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
  return {
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    style: (style, text) => (colours ? styleText(style, text) : text),
    ask,
  };
}

/** Asks on standard error, so that standard output stays clean for pipes. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("close", () => reject(new Error("no answer was given")));
      lines.once("SIGINT", () => reject(new Error("cancelled")));
      lines.question(question).then(resolve, reject);
    });
  } finally {
    lines.close();
  }
}

/** What comes from elsewhere is shown without control characters, so that it cannot draw on the terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, "�");
}
