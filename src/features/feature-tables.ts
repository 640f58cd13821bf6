import { unreachable } from "../core/errors.ts";
import {
  ENTITIES,
  type FeatureDeclaration,
  type FeatureEntity,
  type FeatureQuery,
} from "../core/features.ts";
import type { CellParts } from "./cells.ts";
import { type Column, continues, createColumn } from "./column.ts";
import { checkDeclarations } from "./declaration-checks.ts";
import { EntityTable } from "./entity-table.ts";
import { feedsFromTables, type SignalFeeds } from "./signal-feeds.ts";

/** The tables that one set of declarations makes. */
export interface FeatureTables {
  /** One for each kind of entity, in the order of ENTITIES. */
  readonly all: readonly EntityTable[];
  /** Those with columns. */
  readonly declared: readonly EntityTable[];
  /** By kind of entity; any text may be asked for. */
  readonly byEntity: ReadonlyMap<string, EntityTable>;
  /** By type of signal. */
  readonly feeds: ReadonlyMap<string, SignalFeeds>;
  /** How long values are kept after their event. */
  readonly keptMs: number;
}

/**
 * Makes the tables of these declarations. Values of features that go on are taken over from the
 * tables before, which must not be used again.
 *
 * @throws StileError `bundle_invalid`; the tables before are then untouched.
 */
export function createFeatureTables(
  declarations: readonly FeatureDeclaration[],
  parts: CellParts,
  before: FeatureTables | undefined,
): FeatureTables {
  checkDeclarations(declarations);
  const all = ENTITIES.map((entity) => {
    const own = declarations.filter((declaration) => declaration.entity === entity);
    return createTable(entity, own, parts, before?.byEntity.get(entity));
  });
  return {
    all,
    declared: all.filter(({ columns }) => columns.length > 0),
    byEntity: new Map(all.map((table) => [table.entity, table])),
    feeds: feedsFromTables(all),
    keptMs: keptS(declarations, parts.limits.retentionS) * 1_000,
  };
}

function createTable(
  entity: FeatureEntity,
  declarations: readonly FeatureDeclaration[],
  parts: CellParts,
  before: EntityTable | undefined,
): EntityTable {
  const carried = new Map<Column, Column>();
  // By name, so that the same declarations in any order give the same texts.
  const sorted = declarations.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const columns = sorted.map((declaration, index) => {
    const previous = before?.columns[before.indexOf(declaration.name)];
    const isSame = previous !== undefined && continues(previous.declaration, declaration);
    const column = createColumn(
      declaration,
      index === 0 ? "first" : "later",
      parts,
      isSame ? previous : undefined,
    );
    if (isSame) carried.set(column, previous);
    return column;
  });
  return new EntityTable(entity, columns, before && { table: before, carried });
}

function keptS(declarations: readonly FeatureDeclaration[], retentionS: number): number {
  return declarations.reduce((longestS, { maxAgeS, made }) => {
    const windowS = made.kind === "count" ? made.windowS : 0;
    return Math.max(longestS, maxAgeS, windowS);
  }, retentionS);
}

/** @returns the id by which a request's entity of that kind is known; undefined for none. */
export function entityIdFromQuery(query: FeatureQuery, entity: FeatureEntity): string | undefined {
  switch (entity) {
    case "subject":
      return query.subject === "" ? undefined : query.subject;
    case "device":
      return query.device === "" ? undefined : query.device;
    case "session":
      return query.session === "" ? undefined : query.session;
    case "resource":
      return query.resource === "" ? undefined : query.resource;
    case "address":
      return query.address === "" ? undefined : query.address;
    case "global":
      return "";
    default:
      return unreachable(entity);
  }
}
