import { TrailCheck } from "../../audit/trail-check.ts";
import type { Answer, StileClient } from "../../client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { AuditService } from "../../wire/messages.ts";

/** What the records of an audit trail add up to. */
export interface TrailSummary {
  readonly records: number;
  readonly outcomes: Outcomes;
  /** Challenges proven. */
  readonly proven: number;
  /** Codes that were wrong or used before. */
  readonly refused: number;
  /** Who asked, those first who were asked for a proof most often. */
  readonly subjects: readonly SubjectSummary[];
  /** Receipts that answers carried; each names its record by number and hash. */
  readonly receipts: number;
  /** What is wrong with numbers, hashes, order or receipts; nothing when the trail is whole. */
  readonly findings: readonly string[];
}

export interface Outcomes {
  readonly allow: number;
  readonly deny: number;
  readonly step_up: number;
}

export interface SubjectSummary extends Outcomes {
  readonly subject: string;
  /** Codes for which a proof was asked, most frequent first. */
  readonly because: readonly string[];
}

/** More than a day of the demo writes. */
const LAST = 10_000;

/**
 * Reads the trail of the server, and checks it against what the server answered.
 *
 * @param answers whose records must be there.
 * @throws CallError
 */
export async function trailSummaryOf(
  client: StileClient,
  answers: readonly Answer[],
): Promise<TrailSummary> {
  const receipts = answers.flatMap(({ receipt }) => receipt ?? []);
  const check = new TrailCheck({ mayRepeat: false, receipts });
  const records: JsonObject[] = [];
  const request = { last: LAST, follow: false, subject: "" };
  const sent = client.connection.serverStream(AuditService, "tail", request);
  for await (const { recordJson, sequence } of sent) {
    const body = Buffer.from(recordJson);
    check.add({ body, lane: "trail", offset: Number(sequence) });
    records.push(objectOf(body.toString("utf8")));
  }
  const events = (name: string): number => records.filter(({ event }) => event === name).length;
  return {
    records: records.length,
    outcomes: outcomesOf(records),
    proven: events("proven"),
    refused: events("wrong_code") + events("code_spent"),
    subjects: subjectsOf(records.filter(({ type }) => type === "stile.decision.v1")),
    receipts: receipts.length,
    findings: check
      .report()
      .findings.map(({ kind, from, to, detail }) => `${kind} ${from}-${to}: ${detail}`),
  };
}

function subjectsOf(decisions: readonly JsonObject[]): readonly SubjectSummary[] {
  const bySubject = new Map<string, JsonObject[]>();
  for (const record of decisions) {
    const subject = textOf(record["subject"]);
    const known = bySubject.get(subject);
    if (known === undefined) bySubject.set(subject, [record]);
    else known.push(record);
  }
  return [...bySubject]
    .map(([subject, records]) => ({
      subject,
      ...outcomesOf(records),
      because: byFrequency(
        records
          .filter(({ outcome }) => outcome === "step_up")
          .flatMap(({ reasons }) => codesOf(reasons)),
      ),
    }))
    .toSorted((a, b) => b.step_up - a.step_up || (a.subject < b.subject ? -1 : 1));
}

function outcomesOf(records: readonly JsonObject[]): Outcomes {
  const count = (kind: string): number => records.filter(({ outcome }) => outcome === kind).length;
  return { allow: count("allow"), deny: count("deny"), step_up: count("step_up") };
}

function codesOf(reasons: unknown): readonly string[] {
  if (!Array.isArray(reasons)) return [];
  return reasons.map((reason: unknown) => (isJsonObject(reason) ? textOf(reason["code"]) : ""));
}

/** @returns each text once, the most frequent first; of equals the first first. */
export function byFrequency(texts: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([text]) => text);
}

function objectOf(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
