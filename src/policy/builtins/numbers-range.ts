import { numberFromBigInt, type RegoNumber } from "../rego-number.ts";
import type { Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { boundedCount, integerOperand } from "./operands.ts";

export const rangeBuiltins: readonly (readonly [string, Builtin])[] = [
  [
    "numbers.range_step",
    (args) => range(integerOperand(args, 0), integerOperand(args, 1), integerOperand(args, 2)),
  ],
];

/** From `first` towards `last`, both included where the step meets them. */
function range(first: bigint, last: bigint, step: bigint): Term {
  if (step <= 0n) throw new BuiltinError("the step must be a positive integer");
  const up = first <= last;
  const distance = up ? last - first : first - last;
  boundedCount(distance / step);
  const members: RegoNumber[] = [];
  for (let at = 0n; at <= distance; at += step) {
    members.push(numberFromBigInt(up ? first + at : first - at));
  }
  return members;
}
