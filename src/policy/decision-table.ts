import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { StileError } from "../core/errors.ts";
import type { FeatureDeclaration } from "../core/features.ts";
import type { Policy } from "../core/policy.ts";

const members = z.record(z.string(), z.json());

const rowSchema = z.strictObject({
  name: z.string().min(1),
  /** Members of the input as they are, wrong shapes too. */
  request: members,
  authn: z.json().optional(),
  features: z.json().optional(),
  freshness: z.json().optional(),
  now: z.string().optional(),
  want: z.strictObject({
    decision: z.enum(["allow", "deny", "step_up"]),
    reasons: z.array(z.string()),
    step_up: members.optional(),
    obligations: z.array(members).optional(),
    audit: z.string().optional(),
  }),
});

type RowFields = z.output<typeof rowSchema>;

/** One row of a decision table. */
export interface DecisionRow extends RowFields {
  readonly file: string;
}

/** What came of a row. */
export interface RowResult {
  readonly row: DecisionRow;
  /** Empty when the answer is the wanted one. */
  readonly differences: readonly RowDifference[];
  readonly cost: number;
}

export interface RowDifference {
  /** `decision`, `reasons`, `step_up.max_age`, … */
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
}

/**
 * Reads the tables of a folder: each `*.yaml` or `*.json` file is a list of rows.
 *
 * @throws StileError `bundle_invalid`, naming the file, the row and what is accepted.
 */
export function readTables(folder: string): readonly DecisionRow[] {
  const files = readdirSync(folder)
    .filter((file) => /\.(ya?ml|json)$/.test(file))
    .sort();
  return files.flatMap((file) => readTable(file, readFileSync(join(folder, file), "utf8")));
}

function readTable(file: string, text: string): readonly DecisionRow[] {
  let rows: unknown;
  try {
    rows = parse(text);
  } catch (cause) {
    throw new StileError("bundle_invalid", `read the table ${file}`, { cause });
  }
  if (!Array.isArray(rows)) {
    throw new StileError("bundle_invalid", `${file} is no list of rows`);
  }
  return rows.map((row: unknown, index) => {
    const read = rowSchema.safeParse(row);
    if (read.success) return { file, ...read.data };
    const issue = read.error.issues[0];
    const place = [`${file}[${index}]`, ...(issue?.path ?? [])].join(".");
    throw new StileError("bundle_invalid", `${place}: ${issue?.message ?? "not a row"}`);
  });
}

/** Asks the policy a row's question. */
export function runRow(policy: Policy, row: DecisionRow): RowResult {
  const evaluation = policy.evaluate(inputTextOfRow(row, policy.features), nowNsOf(row) ?? "0", "");
  const { cost } = evaluation;
  if (evaluation.kind === "fault") {
    const got = `fault ${evaluation.fault}: ${evaluation.cause.message}`;
    return { row, cost, differences: [{ what: "decision", wanted: row.want.decision, got }] };
  }
  const { verdict } = evaluation;
  const stepUp = verdict.stepUp;
  const got = {
    decision: verdict.decision,
    reasons: verdict.reasons.map(({ code }) => code),
    obligations: verdict.obligations.map(({ id, properties }) => ({ id, ...properties })),
    audit: verdict.audit,
    step_up: stepUp && { ...stepUp, max_age: stepUp.maxAgeS },
  };
  return { row, cost, differences: differencesOf(row.want, got) };
}

/** A feature that a row gives and says nothing more of is fresh; one that it does not give is missing. */
function inputTextOfRow(row: DecisionRow, declared: readonly FeatureDeclaration[]): string {
  const { request, authn, features = {}, freshness = {} } = row;
  const states: Record<string, Record<string, unknown>> = {};
  for (const { entity, name } of declared) {
    const state = memberOf(memberOf(features, entity), name) === undefined ? "missing" : "fresh";
    const said = memberOf(memberOf(freshness, entity), name);
    const otherwise = state === "fresh" ? { age_ms: 0, state } : { state };
    states[entity] = { ...states[entity], [name]: said ?? otherwise };
  }
  const input = { ...request, ...(authn !== undefined && { authn }), features, freshness: states };
  const nowNs = nowNsOf(row);
  const text = JSON.stringify(input);
  return nowNs === undefined ? text : `${text.slice(0, -1)},"now_ns":${nowNs}}`;
}

function nowNsOf({ now, file, name }: DecisionRow): string | undefined {
  if (now === undefined) return undefined;
  const nowMs = Date.parse(now);
  if (!Number.isNaN(nowMs)) return `${nowMs}000000`;
  throw new StileError("bundle_invalid", `${file}, "${name}": now is "${now}", expected RFC 3339`);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

type Got = Readonly<Record<keyof RowFields["want"], unknown>>;

function differencesOf(want: RowFields["want"], got: Got): readonly RowDifference[] {
  const differences: RowDifference[] = [];
  const compare = (what: string, wanted: unknown, found: unknown): void => {
    if (textOf(wanted) === textOf(found)) return;
    differences.push({ what, wanted: textOf(wanted), got: textOf(found) });
  };
  compare("decision", want.decision, got.decision);
  compare("reasons", want.reasons, got.reasons);
  for (const [name, wanted] of Object.entries(want.step_up ?? {})) {
    compare(`step_up.${name}`, wanted, memberOf(got.step_up, name));
  }
  if (want.obligations !== undefined) compare("obligations", want.obligations, got.obligations);
  if (want.audit !== undefined) compare("audit", want.audit, got.audit);
  return differences;
}

/** JSON with sorted keys, so that the order of members makes no difference. */
function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? "nothing"
  );
}
