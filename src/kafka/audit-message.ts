import { createHash } from "node:crypto";
import type { Message } from "kafkajs";
import type { AuditEntry } from "../core/audit.ts";
import { isJsonObject, type JsonValue } from "../core/json.ts";

/**
 * A record as the topic carries it: CloudEvents 1.0, Kafka binding, binary content mode. The key
 * is the subject: Kafka orders within a partition, so a consumer reads one subject's records in
 * order.
 */
export function messageFromEntry(entry: AuditEntry): Message {
  return {
    key: entry.subject,
    value: entry.body,
    timestamp: String(Math.floor(entry.timeMs)),
    headers: {
      ce_specversion: "1.0",
      ce_id: entry.id,
      ce_source: `/stile/${entry.instance}`,
      ce_type: entry.type,
      ce_time: new Date(entry.timeMs).toISOString(),
      ce_subject: entry.subject,
      ce_stilesequence: String(entry.sequence),
      "content-type": "application/json",
    },
  };
}

/** Members of a record that a stub keeps. */
const KEPT = ["id", "type", "time", "subject", "instance", "sequence", "prev"] as const;

/**
 * Stands on the topic for a record that the brokers refuse as too large, so that one record
 * cannot hold up the trail: its place in the chain, its size, and the hash of the whole, which is
 * in the journal.
 */
export function stubOf(entry: AuditEntry): AuditEntry {
  const record: unknown = JSON.parse(entry.body.toString("utf8"));
  const stub: Record<string, JsonValue> = {};
  for (const name of KEPT) {
    const value = isJsonObject(record) ? record[name] : undefined;
    if (value !== undefined) stub[name] = value;
  }
  stub["omitted"] = {
    bytes: entry.body.length,
    sha256: createHash("sha256").update(entry.body).digest("hex"),
  };
  return { ...entry, body: Buffer.from(JSON.stringify(stub)) };
}
