import { compareTerms, isArray, RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { anyOperand } from "./operands.ts";

export const subsetBuiltins: readonly (readonly [string, Builtin])[] = [
  ["object.subset", (args) => isSubset(anyOperand(args, 0), anyOperand(args, 1))],
];

function isSubset(whole: Term, part: Term): boolean {
  if (whole instanceof RegoObject && part instanceof RegoObject) return isSubObject(whole, part);
  if (whole instanceof RegoSet && part instanceof RegoSet) return isSubSet(whole, part);
  if (isArray(whole) && isArray(part)) return isSubArray(whole, part);
  if (isArray(whole) && part instanceof RegoSet) return isSetInArray(whole, part);
  throw new BuiltinError("both operands must be of the same kind, or an array and a set");
}

/** Goes down into values of equal keys; members of sets and arrays are compared whole. */
function isSubObject(whole: RegoObject, part: RegoObject): boolean {
  return part.entries.every(([key, value]) => {
    const found = whole.get(key);
    if (found === undefined) return false;
    if (compareTerms(found, value) === 0) return true;
    if (found instanceof RegoObject && value instanceof RegoObject)
      return isSubObject(found, value);
    if (found instanceof RegoSet && value instanceof RegoSet) return isSubSet(found, value);
    return isArray(found) && isArray(value) && isSubArray(found, value);
  });
}

function isSubSet(whole: RegoSet, part: RegoSet): boolean {
  return part.members.every((member) => whole.has(member));
}

/** The part stands in the whole, in order and without gaps. */
function isSubArray(whole: readonly Term[], part: readonly Term[]): boolean {
  for (let start = 0; start + part.length <= whole.length; start++) {
    if (part.every((term, at) => sameTerm(whole[start + at], term))) return true;
  }
  return false;
}

/** OPA answers false for the empty set in an empty array, and true in any other. */
function isSetInArray(whole: readonly Term[], part: RegoSet): boolean {
  return whole.length > 0 && isSubSet(new RegoSet(whole), part);
}

function sameTerm(a: Term | undefined, b: Term): boolean {
  return a !== undefined && compareTerms(a, b) === 0;
}
