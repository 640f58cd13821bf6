import { RegoSet, type Term } from "../terms.ts";
import { type Builtin, type BuiltinEnv, BuiltinError } from "./builtin.ts";
import { goTermText } from "./go-quote.ts";
import { arrayOperand, boundedCount, membersOf, stringOperand } from "./operands.ts";

/** What a policy says while it runs; nothing where nobody listens. */
export const printBuiltins: readonly (readonly [string, Builtin])[] = [
  [
    "internal.print",
    (args, env) => {
      if (env.print !== undefined) printLines(arrayOperand(args, 0), env);
      return true;
    },
  ],
  [
    "trace",
    (args, env) => {
      const text = stringOperand(args, 0);
      env.print?.(text);
      return true;
    },
  ],
  ["internal.test_case", () => true],
];

/** Each argument is a value or a set of its possible values; every combination is a line. */
function printLines(args: readonly Term[], env: BuiltinEnv): void {
  let lines: string[][] = [[]];
  for (const arg of args) {
    const texts = textsOf(arg);
    boundedCount(lines.length * texts.length);
    lines = lines.flatMap((line) => texts.map((text) => [...line, text]));
  }
  for (const line of lines) env.print?.(line.join(" "));
}

function textsOf(arg: Term): readonly string[] {
  if (!(arg instanceof RegoSet)) {
    if (membersOf(arg) !== undefined) throw new BuiltinError("illegal argument type");
    return [shown(arg)];
  }
  return arg.size === 0 ? ["<undefined>"] : arg.members.map(shown);
}

function shown(term: Term): string {
  return typeof term === "string" ? term : goTermText(term);
}
