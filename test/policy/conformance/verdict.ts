import { jsonTermOf } from "../../../src/policy/builtins/json-text.ts";
import {
  compareTerms,
  isArray,
  parseJsonTerm,
  RegoObject,
  RegoSet,
  type Term,
  termText,
} from "../../../src/policy/terms.ts";
import type { ConformanceCase } from "./cases.ts";

/** What a conflict of a policy says. */
const CONFLICT = /var assignment conflict|object insert conflict/;

/** @returns what is wrong with the answer of `stile eval --lines` to a case; "" when it is right. */
export function complaint({ wanted }: ConformanceCase, answer: string): string {
  const fields = parseJsonTerm(answer);
  const result = fields instanceof RegoObject ? fields.get("result") : undefined;
  const error = fields instanceof RegoObject ? fields.get("error") : undefined;
  if (wanted.kind === "conflict") {
    const conflicts = typeof error === "string" && CONFLICT.test(error);
    return conflicts ? "" : `wanted a conflict, got ${answer}`;
  }
  if (result === undefined || !isArray(result)) return `wanted a result, got ${answer}`;
  const sorted = wanted.kind === "bindings" && wanted.sorted;
  const got = bindingsOf(result, sorted);
  const expected = bindingsOf(wanted.kind === "bindings" ? wanted.bindings : [], false);
  if (compareTerms(got, expected) === 0) return "";
  return `wanted ${shown(expected)}, got ${shown(got)}`;
}

/** Bindings come in any order, and in some cases so do the members of their arrays. */
function bindingsOf(result: readonly Term[], sorted: boolean): RegoSet {
  return new RegoSet(
    result.map((each) => {
      const binding = jsonTermOf(each);
      if (!sorted || !(binding instanceof RegoObject)) return binding;
      return new RegoObject(
        binding.entries.map(([name, value]) => [
          name,
          isArray(value) ? [...value].sort(compareTerms) : value,
        ]),
      );
    }),
  );
}

function shown(term: Term): string {
  const text = termText(term);
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
