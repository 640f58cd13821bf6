import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Question } from "../../src/client/stile-client.ts";
import type { FeatureScalar } from "../../src/core/features.ts";

const PACK = path.resolve(import.meta.dirname, "../../policies/sre");

const json = z.record(z.string(), z.json());
const scalar = z.union([z.number(), z.boolean(), z.string(), z.array(z.string())]);
const named = z.strictObject({
  type: z.string().min(1),
  id: z.string().min(1),
  properties: json.optional(),
});
const rowSchema = z.strictObject({
  name: z.string(),
  request: z.strictObject({
    subject: named,
    action: z.strictObject({ name: z.string().min(1), properties: json.optional() }),
    resource: named,
    context: json.optional(),
  }),
  features: z.record(z.string(), z.record(z.string(), scalar)).optional(),
  freshness: z
    .record(z.string(), z.record(z.string(), z.object({ state: z.literal("stale") })))
    .optional(),
  now: z.literal("2026-07-15T10:00:00Z"),
  want: z.object({
    decision: z.enum(["allow", "deny", "step_up"]),
    reasons: z.array(z.string()),
    step_up: json.optional(),
    obligations: z.array(json).optional(),
  }),
});

const declarationsSchema = z.object({
  features: z.array(
    z.object({
      entity: z.string(),
      name: z.string(),
      type: z.enum(["number", "boolean", "string", "strings"]),
      max_age_s: z.number(),
      made: z.union([z.literal("given"), z.object({ window_s: z.number().optional() })]),
    }),
  ),
});

/** The instant at which the rows below were written to be asked. */
export const TABLES_NOW_MS = Date.parse("2026-07-15T10:00:00Z");

/** One row of the pack's decision tables, to be asked of a running server. */
export interface TableRow {
  readonly name: string;
  /** The row's request, by a subject and for a resource of its own, so that rows share no features. */
  readonly question: Question;
  readonly updates: readonly RowUpdate[];
  readonly signals: readonly RowSignal[];
  readonly want: z.output<typeof rowSchema>["want"];
}

export interface RowUpdate {
  readonly entity: string;
  readonly id: string;
  readonly name: string;
  readonly value: FeatureScalar;
  readonly timeMs: number;
}

export interface RowSignal {
  readonly type: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, string>>;
  readonly timeMs: number;
}

/**
 * Reads those rows whose features can be fed to a server: no proof at hand, no input of a wrong
 * shape, no value of a wrong type, nothing stale but given values, and the same instant. Rows that
 * read global features come last, since those cannot be taken back.
 */
export function tableRows(): readonly TableRow[] {
  const folder = path.join(PACK, "tables");
  const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  const found = files.sort().flatMap((file): unknown[] => {
    const rows: unknown = parse(readFileSync(path.join(folder, file), "utf8"));
    return z.array(z.unknown()).parse(rows);
  });
  const rows = found.flatMap((raw, index) => {
    const row = rowSchema.safeParse(raw);
    return row.success ? rowOf(row.data, index) : [];
  });
  const isGlobal = ({ signals }: TableRow): boolean =>
    signals.some(({ type }) => type === "incident_opened");
  return [...rows.filter((row) => !isGlobal(row)), ...rows.filter(isGlobal)];
}

const declarations = declarationsSchema.parse(
  parse(readFileSync(path.join(PACK, "features.yaml"), "utf8")),
).features;
const assignments = z
  .object({
    sre: z.object({
      assignments: z.record(z.string(), z.record(z.string(), z.array(z.string()))),
    }),
  })
  .parse(JSON.parse(readFileSync(path.join(PACK, "data.json"), "utf8"))).sre.assignments;

function rowOf(row: z.output<typeof rowSchema>, index: number): TableRow[] {
  const { subject, action, resource, context = {} } = row.request;
  const roles = assignments[subject.type]?.[subject.id];
  // The pack gives roles to a subject that it does not name by the subject's own properties.
  const properties =
    roles === undefined ? subject.properties : { ...subject.properties, roles: [...roles] };
  const ip = `10.0.${Math.floor(index / 250)}.${(index % 250) + 1}`;
  const question = {
    subject: withProperties({ type: subject.type, id: `${subject.id}-${index}` }, properties),
    action: withProperties({ name: action.name }, action.properties),
    resource: withProperties(
      { type: resource.type, id: `${resource.id}-${index}` },
      resource.properties,
    ),
    context: context["ip"] === undefined ? context : { ...context, ip },
  };
  const device = context["device_id"];
  const ids: Readonly<Record<string, string>> = {
    subject: `${subject.type}:${subject.id}-${index}`,
    resource: `${resource.type}:${resource.id}-${index}`,
    address: context["ip"] === undefined ? "" : ip,
    device: typeof device === "string" ? device : "",
    global: "",
  };
  const fed: Fed = { updates: [], signals: [] };
  if (lacksCount(row.features ?? {})) return [];
  for (const [entity, values] of Object.entries(row.features ?? {})) {
    for (const [name, value] of Object.entries(values)) {
      const isStale = row.freshness?.[entity]?.[name] !== undefined;
      if (!feed(fed, { entity, name, id: ids[entity] ?? "", value, isStale })) return [];
    }
  }
  return [{ name: row.name, question, want: row.want, ...fed }];
}

/** An entity that was heard of has counts of 0, so none of them can be missing. */
function lacksCount(
  features: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): boolean {
  return Object.keys(COUNTED).some((key) => {
    const [entity = "", name = ""] = key.split(".");
    const values = features[entity];
    return values !== undefined && values[name] === undefined;
  });
}

interface Fed {
  readonly updates: RowUpdate[];
  readonly signals: RowSignal[];
}

interface Feature {
  readonly entity: string;
  readonly name: string;
  readonly id: string;
  readonly value: FeatureScalar;
  readonly isStale: boolean;
}

/** @returns false where a server cannot be brought to hold this value. */
function feed(fed: Fed, feature: Feature): boolean {
  const { entity, name, id, value, isStale } = feature;
  const declared = declarations.find((one) => one.entity === entity && one.name === name);
  if (declared === undefined || (id === "" && entity !== "global")) return false;
  if (declared.made === "given") {
    if (typeof value !== declared.type) return false;
    const timeMs = TABLES_NOW_MS - (isStale ? (declared.max_age_s + 60) * 1_000 : 1_000);
    fed.updates.push({ entity, id, name, value, timeMs });
    return true;
  }
  // What is made from signals is as of now, so it is never stale.
  if (isStale) return false;
  const timeMs = TABLES_NOW_MS - 1_000;
  const beforeMs = TABLES_NOW_MS - ((declared.made.window_s ?? 0) + 60) * 1_000;
  if (declared.type === "number") {
    const signal = COUNTED[`${entity}.${name}`];
    if (signal === undefined || !Number.isInteger(value)) return false;
    const { type, of } = signal;
    const [at, data] = of === "subject" ? [id, {}] : ["", { ip: id }];
    // A count of none is known by a signal that has left the window.
    fed.signals.push({ type, subject: at, data, timeMs: beforeMs });
    for (let count = 0; count < Number(value); count += 1) {
      fed.signals.push({ type, subject: at, data, timeMs });
    }
    return true;
  }
  const listed = LISTED[`${entity}.${name}`];
  if (listed === undefined || typeof value !== "object" || value.length === 0) return false;
  for (const item of value) {
    fed.signals.push({ type: listed.type, subject: id, data: { [listed.of]: item }, timeMs });
  }
  return true;
}

const COUNTED: Readonly<Record<string, { readonly type: string; readonly of: string }>> = {
  "subject.failed_logins_15m": { type: "login_failed", of: "subject" },
  "subject.step_ups_1h": { type: "step_up_failed", of: "subject" },
  "address.failed_logins_15m": { type: "login_failed", of: "address" },
};

const LISTED: Readonly<Record<string, { readonly type: string; readonly of: string }>> = {
  "subject.known_devices": { type: "device_seen", of: "device_id" },
  "subject.known_countries": { type: "login_succeeded", of: "country" },
  "global.incidents": { type: "incident_opened", of: "incident" },
};

function withProperties<Named extends object, Properties>(
  named: Named,
  properties: Properties | undefined,
): Named & { properties?: Properties } {
  return properties === undefined ? named : { ...named, properties };
}
