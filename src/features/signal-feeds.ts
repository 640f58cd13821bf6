import { unreachable } from "../core/errors.ts";
import type { FeatureEntity, Signal } from "../core/features.ts";
import type { JsonValue } from "../core/json.ts";
import type { MadeCell } from "./cells.ts";
import type { EntityTable } from "./entity-table.ts";
import { attributeText } from "./feature-checks.ts";

/** One feature that signals of one type feed. */
export interface Feed {
  readonly table: EntityTable;
  readonly index: number;
  readonly cell: MadeCell;
  /** Attribute that is read; "" for a count. */
  readonly of: string;
  /** False when the signal closes a value. */
  readonly opens: boolean;
}

/** What signals of one type feed. */
export interface SignalFeeds {
  readonly feeds: readonly Feed[];
  /** Attributes read, each once. */
  readonly attributes: readonly string[];
  /** Counts that a signal begins at 0 for the entities it names: they have been heard of. */
  readonly counts: readonly Pick<Feed, "table" | "index" | "cell">[];
}

/** @returns signal type → the features it feeds. */
export function feedsFromTables(tables: readonly EntityTable[]): ReadonlyMap<string, SignalFeeds> {
  const feeds = new Map<string, Feed[]>();
  const note = (type: string, feed: Feed): void => {
    const known = feeds.get(type);
    if (known === undefined) feeds.set(type, [feed]);
    else known.push(feed);
  };
  for (const table of tables) {
    for (const [index, column] of table.columns.entries()) {
      const { made } = column.declaration;
      if (made.kind === "given" || column.made === undefined) continue;
      const of = made.kind === "count" ? "" : made.of;
      const feed = { table, index, cell: column.made, of, opens: true };
      if (made.kind === "open") {
        note(made.signal, feed);
        note(made.closedBy, { ...feed, opens: false });
      } else for (const signal of made.signals) note(signal, feed);
    }
  }
  const counts = countsOf(tables);
  return new Map([...feeds].map(([type, list]) => [type, { ...withAttributes(list), counts }]));
}

function countsOf(tables: readonly EntityTable[]): SignalFeeds["counts"] {
  return tables.flatMap((table) =>
    table.columns.flatMap(({ declaration, made }, index) =>
      declaration.made.kind === "count" && made !== undefined ? [{ table, index, cell: made }] : [],
    ),
  );
}

function withAttributes(feeds: readonly Feed[]): Pick<SignalFeeds, "feeds" | "attributes"> {
  const attributes = new Set(feeds.map(({ of }) => of).filter((of) => of !== ""));
  return { feeds, attributes: [...attributes] };
}

/** @returns what the feature reads from the signal; undefined where the signal lacks it. */
export function feedValue(signal: Signal, feed: Feed): string | undefined {
  return feed.of === "" ? "" : attributeText(signal.data, feed.of);
}

/** @returns the id of the entity that the signal tells of; undefined where it names none. */
export function entityIdFromSignal(signal: Signal, entity: FeatureEntity): string | undefined {
  const { data } = signal;
  switch (entity) {
    case "subject":
      return textOrNone(signal.subject);
    case "device":
      return textOrNone(data["device_id"]);
    case "session":
      return textOrNone(data["session_id"]);
    case "resource":
      return textOrNone(data["resource"]);
    case "address":
      return textOrNone(data["ip"]);
    case "global":
      return "";
    default:
      return unreachable(entity);
  }
}

function textOrNone(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
