import type { FeatureDeclaration } from "../core/features.ts";
import {
  type Cell,
  type CellParts,
  createGivenCell,
  createMadeCell,
  type GivenCell,
  type MadeCell,
} from "./cells.ts";

/** One declared feature of a kind of entity, with all that can be worked out once. */
export interface Column {
  readonly declaration: FeatureDeclaration;
  readonly cell: Cell;
  /** The same cell, for a given feature. */
  readonly given: GivenCell | undefined;
  /** The same cell, for a feature made from signals. */
  readonly made: MadeCell | undefined;
  readonly maxAgeMs: number;
  /** `"name":` */
  readonly nameText: string;
  /** `,"name":` */
  readonly nextNameText: string;
  /** `"name":{"state":"missing"}`; this and those below with a comma before, but in the first. */
  readonly missingText: string;
  /** `"name":{"age_ms":` */
  readonly ageText: string;
  /** `"name":{"age_ms":0,"state":"fresh"}` */
  readonly liveText: string;
}

/**
 * @param place `first` of its table, or a `later` one.
 * @param previous the column of the same feature before, whose values are taken over.
 */
export function createColumn(
  declaration: FeatureDeclaration,
  place: "first" | "later",
  parts: CellParts,
  previous: Column | undefined,
): Column {
  const nameText = `${JSON.stringify(declaration.name)}:`;
  const nextNameText = `,${nameText}`;
  const start = place === "first" ? nameText : nextNameText;
  const constant = {
    declaration,
    maxAgeMs: declaration.maxAgeS * 1_000,
    nameText,
    nextNameText,
    missingText: `${start}{"state":"missing"}`,
    ageText: `${start}{"age_ms":`,
    liveText: `${start}{"age_ms":0,"state":"fresh"}`,
  };
  const made = createMadeCell(declaration, parts, previous?.made);
  if (made !== undefined) return { ...constant, cell: made, given: undefined, made };
  const given = createGivenCell(declaration.type, previous?.given);
  return { ...constant, cell: given, given, made };
}

/**
 * @returns whether values made under one declaration hold under the other: same feature, same
 *   type, same signals. Ages, windows and bounds may differ.
 */
export function continues(before: FeatureDeclaration, after: FeatureDeclaration): boolean {
  if (before.entity !== after.entity || before.name !== after.name) return false;
  return before.type === after.type && sourceOf(before) === sourceOf(after);
}

function sourceOf({ made }: FeatureDeclaration): string {
  return JSON.stringify([
    made.kind,
    made.kind === "given" ? [] : made.kind === "open" ? [made.signal] : made.signals.toSorted(),
    made.kind === "open" ? made.closedBy : "",
    made.kind === "recent" || made.kind === "open" ? made.of : "",
  ]);
}
