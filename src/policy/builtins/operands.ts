import { integerOf, numberText } from "../rego-number.ts";
import {
  isArray,
  isNumber,
  type RegoNumber,
  RegoObject,
  RegoSet,
  type Term,
  termKind,
} from "../terms.ts";
import { BuiltinError } from "./builtin.ts";

/** Longest text a builtin makes, in UTF-16 units. */
export const TEXT_UNITS_MAX = 4 * 1024 * 1024;

/** Most members a builtin puts into an array, set or object. */
export const MEMBERS_MAX = 100_000;

/** A builtin's arguments, as they were called. */
export type Operands = readonly Term[];

export function anyOperand(args: Operands, at: number): Term {
  const term = args[at];
  if (term === undefined) throw new BuiltinError(`operand ${at + 1} is missing`);
  return term;
}

export function stringOperand(args: Operands, at: number): string {
  const term = anyOperand(args, at);
  if (typeof term !== "string") throw wrongKind(term, at, "string");
  return term;
}

export function numberOperand(args: Operands, at: number): RegoNumber {
  const term = anyOperand(args, at);
  if (!isNumber(term)) throw wrongKind(term, at, "number");
  return term;
}

/** An integer of any size; `1.0` and `1e3` count. */
export function integerOperand(args: Operands, at: number): bigint {
  const value = integerOf(numberOperand(args, at));
  if (value === undefined) throw new BuiltinError(`operand ${at + 1} must be an integer number`);
  return value;
}

/** An integer written without exponent that a JavaScript number holds exactly; `1.0` counts. */
export function smallIntegerOperand(args: Operands, at: number): number {
  const text = numberText(numberOperand(args, at));
  const value = /^-?[0-9]+(?:\.0*)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new BuiltinError(`operand ${at + 1} is out of range`);
  return value;
}

export function arrayOperand(args: Operands, at: number): readonly Term[] {
  const term = anyOperand(args, at);
  if (!isArray(term)) throw wrongKind(term, at, "array");
  return term;
}

export function objectOperand(args: Operands, at: number): RegoObject {
  const term = anyOperand(args, at);
  if (!(term instanceof RegoObject)) throw wrongKind(term, at, "object");
  return term;
}

/** The members of an array or a set. */
export function membersOperand(args: Operands, at: number): readonly Term[] {
  const term = anyOperand(args, at);
  const members = membersOf(term);
  if (members === undefined) throw wrongKind(term, at, "array or set");
  return members;
}

/** The members of an array or a set of strings. */
export function stringsOperand(args: Operands, at: number): readonly string[] {
  return membersOperand(args, at).map((member) => {
    if (typeof member !== "string") throw wrongKind(member, at, "array or set of strings");
    return member;
  });
}

/** @returns the members of an array or a set, undefined for any other term. */
export function membersOf(term: Term): readonly Term[] | undefined {
  if (isArray(term)) return term;
  return term instanceof RegoSet ? term.members : undefined;
}

/** @returns the text itself. @throws BuiltinError when it is longer than a builtin may make. */
export function boundedText(text: string): string {
  if (text.length > TEXT_UNITS_MAX) throw new BuiltinError("the text made is too long");
  return text;
}

/** @throws BuiltinError when a collection is to get more members than a builtin may make. */
export function boundedCount(count: number | bigint): void {
  if (count > MEMBERS_MAX) throw new BuiltinError(`more than ${MEMBERS_MAX} members`);
}

function wrongKind(term: Term, at: number, wanted: string): BuiltinError {
  return new BuiltinError(`operand ${at + 1} must be ${wanted} but got ${termKind(term)}`);
}
