import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { isArray, parseJsonTerm, RegoObject, type Term } from "../../../src/policy/terms.ts";

/** OPA's own cases; they stand beside the project, not in it. */
export const casesDir = path.resolve(import.meta.dirname, "../../../../shared/vectors/opa-cases");

export const casesArePresent = existsSync(casesDir);

/** One case of OPA's suite, with exact numbers. */
export interface ConformanceCase {
  readonly id: string;
  readonly topic: string;
  readonly note: string;
  readonly data: Term;
  /** Rego text of the input; undefined for none. */
  readonly inputTerm: string | undefined;
  readonly wanted: Wanted;
}

export type Wanted =
  | { readonly kind: "bindings"; readonly bindings: readonly Term[]; readonly sorted: boolean }
  /** WASM has no strict mode of its own: a builtin's error leaves the query without a result. */
  | { readonly kind: "nothing" }
  | { readonly kind: "conflict" };

/** The cases by topic. @throws TypeError when a file has another shape. */
export function readCases(): ReadonlyMap<string, readonly ConformanceCase[]> {
  const files = readdirSync(casesDir).filter((name) => name.endsWith(".json"));
  return new Map(
    files.sort().map((name) => {
      const topic = objectOf(parseJsonTerm(readFileSync(path.join(casesDir, name), "utf8")));
      return [name.replace(/\.json$/, ""), arrayOf(topic.get("cases")).map(caseOf)];
    }),
  );
}

function caseOf(term: Term): ConformanceCase {
  const fields = objectOf(term);
  const input = fields.get("input_term") ?? fields.get("input_text");
  return {
    id: textOf(fields.get("id")),
    topic: textOf(fields.get("topic")),
    note: textOf(fields.get("note")),
    data: fields.get("data") ?? new RegoObject(),
    inputTerm: input === undefined ? undefined : textOf(input),
    wanted: wantedOf(fields),
  };
}

function wantedOf(fields: RegoObject): Wanted {
  const result = fields.get("want_result");
  if (result !== undefined) {
    const bindings = result === null ? [] : arrayOf(result);
    return { kind: "bindings", bindings, sorted: fields.get("sort_bindings") === true };
  }
  return { kind: fields.get("strict_error") === true ? "nothing" : "conflict" };
}

function objectOf(term: Term | undefined): RegoObject {
  if (term instanceof RegoObject) return term;
  throw new TypeError("a case is no object");
}

function arrayOf(term: Term | undefined): readonly Term[] {
  if (term !== undefined && isArray(term)) return term;
  throw new TypeError("an array is missing in a case");
}

function textOf(term: Term | undefined): string {
  if (typeof term === "string") return term;
  throw new TypeError("a text is missing in a case");
}

/** Reasons of the cases that are known to fail, by id. */
export function readKnownFailures(): ReadonlyMap<string, string> {
  const file = path.join(import.meta.dirname, "known-failures.yaml");
  const groups: unknown = parse(readFileSync(file, "utf8"));
  if (!Array.isArray(groups)) throw new TypeError(`${file} must hold a list`);
  const reasons = new Map<string, string>();
  for (const group of groups as readonly unknown[]) {
    const { reason, cases } = knownGroup(group);
    for (const id of Object.keys(cases)) reasons.set(id, reason);
  }
  return reasons;
}

function knownGroup(group: unknown): { reason: string; cases: object } {
  if (typeof group === "object" && group !== null && "reason" in group && "cases" in group) {
    const { reason, cases } = group;
    if (typeof reason === "string" && typeof cases === "object" && cases !== null) {
      return { reason, cases };
    }
  }
  throw new TypeError("each group of known failures needs a reason and cases");
}
