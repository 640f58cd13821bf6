import { StileError, unreachable } from "../core/errors.ts";
import { ENTITIES, FEATURE_TYPES, type FeatureDeclaration } from "../core/features.ts";
import { AGE_S_MAX, MADE_STRINGS_MAX, NAME_CHARS_MAX } from "./feature-limits.ts";

/**
 * Checks what the state relies on.
 *
 * @throws StileError `bundle_invalid`, naming the first bad declaration and what is accepted.
 */
export function checkDeclarations(declarations: readonly FeatureDeclaration[]): void {
  const names = new Set<string>();
  for (const [index, declaration] of declarations.entries()) {
    const name = `${declaration.entity}.${declaration.name}`;
    const problem = names.has(name) ? "name is declared twice" : findProblem(declaration);
    if (problem !== undefined) {
      throw new StileError("bundle_invalid", `features[${index}] (${name}): ${problem}`);
    }
    names.add(name);
  }
}

function findProblem(declaration: FeatureDeclaration): string | undefined {
  const { entity, name, type, maxAgeS } = declaration;
  if (!ENTITIES.includes(entity)) return `entity must be one of ${ENTITIES.join(", ")}`;
  if (!FEATURE_TYPES.includes(type)) return `type must be one of ${FEATURE_TYPES.join(", ")}`;
  if (!isName(name)) return `name must have 1 to ${NAME_CHARS_MAX} characters`;
  if (!isAge(maxAgeS)) return `max age must be above 0 and at most ${AGE_S_MAX} s`;
  return findMakingProblem(declaration);
}

function findMakingProblem({ made, type }: FeatureDeclaration): string | undefined {
  switch (made.kind) {
    case "given":
      return undefined;
    case "count":
      if (type !== "number") return "a count is a number";
      if (!isAge(made.windowS)) return `window must be above 0 and at most ${AGE_S_MAX} s`;
      return findNameProblem(...made.signals) ?? findListProblem(made.signals);
    case "recent":
      if (type !== "strings") return "recent values are strings";
      return (
        findNameProblem(...made.signals, made.of) ??
        findListProblem(made.signals) ??
        findMostProblem(made.most)
      );
    case "open":
      if (type !== "strings") return "open values are strings";
      if (made.signal === made.closedBy) return "one signal cannot open and close";
      return findNameProblem(made.signal, made.closedBy, made.of) ?? findMostProblem(made.most);
    default:
      return unreachable(made);
  }
}

function findNameProblem(...names: readonly string[]): string | undefined {
  if (names.every(isName)) return undefined;
  return `signal types and attributes must have 1 to ${NAME_CHARS_MAX} characters`;
}

function findListProblem(signals: readonly string[]): string | undefined {
  if (signals.length > 0 && new Set(signals).size === signals.length) return undefined;
  return "one or more signal types, each once, must be named";
}

function findMostProblem(most: number): string | undefined {
  if (Number.isInteger(most) && most >= 1 && most <= MADE_STRINGS_MAX) return undefined;
  return `most must be a whole number from 1 to ${MADE_STRINGS_MAX}`;
}

function isName(name: string): boolean {
  return name.length >= 1 && name.length <= NAME_CHARS_MAX;
}

function isAge(ageS: number): boolean {
  return ageS > 0 && ageS <= AGE_S_MAX;
}
