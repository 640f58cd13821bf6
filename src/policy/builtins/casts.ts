import { RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { anyOperand, membersOperand } from "./operands.ts";

/** The deprecated `cast_*`: the same value where it has the kind, an error otherwise. */
export const castBuiltins: readonly (readonly [string, Builtin])[] = [
  ["cast_array", (args) => membersOperand(args, 0)],
  ["cast_set", (args) => new RegoSet(membersOperand(args, 0))],
  ["cast_string", castTo((term) => typeof term === "string")],
  ["cast_boolean", castTo((term) => typeof term === "boolean")],
  ["cast_null", castTo((term) => term === null)],
  ["cast_object", castTo((term) => term instanceof RegoObject)],
];

function castTo(matches: (term: Term) => boolean): Builtin {
  return (args) => {
    const term = anyOperand(args, 0);
    if (!matches(term)) throw new BuiltinError("operand 1 is of another kind");
    return term;
  };
}
