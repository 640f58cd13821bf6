import type { StileClient } from "../../src/client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { AuditService } from "../../src/wire/messages.ts";
import { runStile } from "./run-stile.ts";

/** A record with the text that it was read from. */
export interface AuditRecord {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly sequence: number;
  readonly text: string;
  readonly members: JsonObject;
}

/** @returns the newest records, oldest first, by the command `stile audit tail`. */
export async function tailByCommand(address: string, last: number): Promise<AuditRecord[]> {
  const words = ["--server", address, "--json", "audit", "tail", "--last", String(last)];
  const ran = await runStile(words);
  if (ran.code !== 0) throw new Error(`stile audit tail: ${ran.stderr}`);
  return ran.stdout.trim().split("\n").map(recordFromText);
}

/** @returns the newest records, oldest first. */
export async function tail(client: StileClient, last: number): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  const request = { last, follow: false, subject: "" };
  for await (const { recordJson } of client.connection.serverStream(
    AuditService,
    "tail",
    request,
  )) {
    records.push(recordFromText(Buffer.from(recordJson).toString("utf8")));
  }
  return records;
}

/** @returns the record of a decision. @throws Error when there is none. */
export async function recordOf(client: StileClient, decisionId: string): Promise<AuditRecord> {
  const found = (await tail(client, 1_000)).find(({ id }) => id === decisionId);
  if (found === undefined) throw new Error(`no record of the decision ${decisionId}`);
  return found;
}

export function recordFromText(text: string): AuditRecord {
  const members: unknown = JSON.parse(text);
  if (!isJsonObject(members)) throw new Error(`no audit record: ${text}`);
  return {
    id: textAt(members, "id"),
    type: textAt(members, "type"),
    subject: textAt(members, "subject"),
    sequence: Number(members["sequence"]),
    text,
    members,
  };
}

export function textAt(object: JsonObject, key: string): string {
  const value = object[key];
  if (typeof value !== "string") throw new Error(`no text at "${key}"`);
  return value;
}

export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  if (!isJsonObject(value)) throw new Error(`no object at "${key}"`);
  return value;
}
