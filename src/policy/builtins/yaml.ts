import type { Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { anyOperand, stringOperand } from "./operands.ts";
import { termOfYaml } from "./yaml-read.ts";
import { yamlTextOf } from "./yaml-write.ts";

export const yamlBuiltins: readonly (readonly [string, Builtin])[] = [
  ["yaml.marshal", (args) => yamlTextOf(anyOperand(args, 0))],
  ["yaml.unmarshal", (args) => termOfYaml(stringOperand(args, 0))],
  ["yaml.is_valid", (args) => isYaml(anyOperand(args, 0))],
];

function isYaml(term: Term): boolean {
  if (typeof term !== "string") return false;
  try {
    termOfYaml(term);
    return true;
  } catch (error) {
    if (error instanceof BuiltinError) return false;
    throw error;
  }
}
