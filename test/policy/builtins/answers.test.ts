import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { BuiltinError } from "../../../src/policy/builtins/builtin.ts";
import { builtins } from "../../../src/policy/builtins/index.ts";
import { parseTerm, type Term, termText } from "../../../src/policy/terms.ts";
import { env } from "./env.ts";

/** What OPA 1.22.2 answers, one row a call; null where it answers with an error or nothing. */
interface Row {
  readonly call: string;
  readonly args: readonly string[];
  readonly answer: string | null;
}

const folder = path.join(import.meta.dirname, "answers");
const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));

describe.each(files)("the rows of %s", (file) => {
  const lines = readFileSync(path.join(folder, file), "utf8").trim().split("\n");

  it.each(lines.map(rowOf))("answers $call($args) as OPA does", ({ call, args, answer }) => {
    const got = answerOf(call, args);
    const wanted = answer === null ? undefined : parseTerm(answer);
    expect(textOf(got)).toBe(textOf(wanted));
  });
});

/** Sorted, so that equal terms have equal texts. */
function textOf(term: Term | undefined): string | undefined {
  return term === undefined ? undefined : termText(term);
}

function answerOf(call: string, args: readonly string[]): Term | undefined {
  const run = builtins.get(call);
  if (run === undefined) throw new TypeError(`${call} is not served`);
  try {
    return run(args.map(parseTerm), env());
  } catch (error) {
    if (error instanceof BuiltinError) return undefined;
    throw error;
  }
}

function rowOf(line: string): Row {
  const row: unknown = JSON.parse(line);
  if (
    typeof row === "object" &&
    row !== null &&
    "call" in row &&
    "args" in row &&
    "answer" in row
  ) {
    const { call, args, answer } = row;
    if (Array.isArray(args) && (answer === null || typeof answer === "string")) {
      return { call: String(call), args: args.map(String), answer };
    }
  }
  throw new TypeError(`malformed row ${line}`);
}
