import { createHash } from "node:crypto";
import type { StileClient } from "../../client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { AuditService } from "../../wire/messages.ts";

/** What the records of an audit trail add up to. */
export interface TrailSummary {
  readonly records: number;
  readonly outcomes: { readonly allow: number; readonly deny: number; readonly step_up: number };
  readonly proven: number;
  /** Codes that were wrong or used before. */
  readonly refused: number;
  /** Whether each record names the hash of the one before. */
  readonly isWhole: boolean;
  /** Who was asked for a proof, most often first. */
  readonly asked: readonly {
    readonly subject: string;
    readonly asked: number;
    readonly reason: string;
  }[];
}

/** Reads the newest 10,000 records of the server's trail. */
export async function trailSummaryOf(client: StileClient): Promise<TrailSummary> {
  const bodies: Buffer[] = [];
  const request = { last: 10_000, follow: false, subject: "" };
  for await (const { recordJson } of client.connection.serverStream(
    AuditService,
    "tail",
    request,
  )) {
    bodies.push(Buffer.from(recordJson));
  }
  const records = bodies.map((body) => objectOf(body.toString("utf8")));
  const count = (name: string, value: string): number =>
    records.filter((record) => record[name] === value).length;
  return {
    records: records.length,
    outcomes: {
      allow: count("outcome", "allow"),
      deny: count("outcome", "deny"),
      step_up: count("outcome", "step_up"),
    },
    proven: count("event", "proven"),
    refused: count("event", "wrong_code") + count("event", "code_spent"),
    isWhole: bodies.every((body, index) => {
      const next = records[index + 1];
      return next === undefined || next["prev"] === createHash("sha256").update(body).digest("hex");
    }),
    asked: askedOf(records.filter((record) => record["outcome"] === "step_up")),
  };
}

function askedOf(records: readonly JsonObject[]): TrailSummary["asked"] {
  const bySubject = new Map<string, string[]>();
  for (const record of records) {
    const subject = textOf(record["subject"]);
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), ...codesOf(record["reasons"])]);
  }
  return [...bySubject]
    .map(([subject, codes]) => ({
      subject,
      asked: records.filter((record) => record["subject"] === subject).length,
      reason: mostOften(codes),
    }))
    .sort((a, b) => b.asked - a.asked || (a.subject < b.subject ? -1 : 1));
}

function codesOf(reasons: unknown): readonly string[] {
  if (!Array.isArray(reasons)) return [];
  return reasons.map((reason: unknown) => (isJsonObject(reason) ? textOf(reason["code"]) : ""));
}

/** @returns the text that stands most often, the first of equals. */
export function mostOften(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "";
}

function objectOf(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
