import { RegoObject, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { parseGoUrl } from "./go-url.ts";
import { anyOperand, stringOperand } from "./operands.ts";

export const uriBuiltins: readonly (readonly [string, Builtin])[] = [
  ["uri.parse", (args) => partsOf(stringOperand(args, 0))],
  ["uri.is_valid", (args) => isUri(anyOperand(args, 0))],
];

/** The parts that are there; an absent or empty part is left out. */
function partsOf(text: string): Term {
  const url = parseGoUrl(text);
  const parts: readonly (readonly [string, string])[] = [
    ["scheme", url.scheme],
    ["hostname", url.hostname],
    ["port", url.port],
    ["path", url.path],
    ["raw_path", url.rawPath === "" ? url.path : url.rawPath],
    ["raw_query", url.rawQuery],
    ["fragment", url.fragment],
  ];
  return new RegoObject(parts.filter(([, value]) => value !== ""));
}

function isUri(term: Term): boolean {
  if (typeof term !== "string" || term === "") return false;
  try {
    parseGoUrl(term);
    return true;
  } catch (error) {
    if (error instanceof BuiltinError) return false;
    throw error;
  }
}
