import { isJsonObject, type JsonObject } from "../core/json.ts";

/** A record as searches and reports look at it. What a record does not have is "" or empty. */
export interface AuditRecord {
  readonly id: string;
  readonly type: string;
  /** As written, and in ms since the Unix epoch. */
  readonly time: string;
  readonly timeMs: number;
  /** `type:id` */
  readonly subject: string;
  readonly instance: string;
  readonly sequence: number;
  readonly outcome: string;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly action: string;
  /** `type:id` */
  readonly resource: string;
  readonly event: string;
  readonly challengeId: string;
  readonly decisionId: string;
  /** The grant that fitted. */
  readonly grantId: string;
  /** How many grants the caller showed. */
  readonly grantsPresented: number;
  /** `context.ip` of the request. */
  readonly address: string;
  /** As the caller asserts them: `roles`, or `role`, of the subject's properties. */
  readonly roles: readonly string[];
}

/** @returns undefined where the bytes are no record. */
export function readRecord(body: Buffer): AuditRecord | undefined {
  const record = parse(body);
  if (record === undefined) return undefined;
  const { sequence, grants_presented: grants } = record;
  const input = objectAt(record, "input");
  const subject = objectAt(input, "subject");
  const resource = objectAt(input, "resource");
  const time = textAt(record, "time");
  const timeMs = Date.parse(time);
  if (textAt(record, "id") === "" || textAt(record, "type") === "" || Number.isNaN(timeMs)) {
    return undefined;
  }
  const resourceName = `${textAt(resource, "type")}:${textAt(resource, "id")}`;
  return {
    id: textAt(record, "id"),
    type: textAt(record, "type"),
    time,
    timeMs,
    subject: textAt(record, "subject"),
    instance: textAt(record, "instance"),
    sequence: typeof sequence === "number" ? sequence : 0,
    outcome: textAt(record, "outcome"),
    reasons: reasonsOf(record["reasons"]),
    action: textAt(record, "action") || textAt(objectAt(input, "action"), "name"),
    resource: textAt(record, "resource") || (resourceName === ":" ? "" : resourceName),
    event: textAt(record, "event"),
    challengeId: textAt(record, "challenge_id"),
    decisionId: textAt(record, "decision_id"),
    grantId: textAt(record, "grant_id"),
    grantsPresented: typeof grants === "number" ? grants : 0,
    address: textAt(objectAt(input, "context"), "ip"),
    roles: rolesOf(objectAt(subject, "properties")),
  };
}

function parse(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonsOf(value: unknown): AuditRecord["reasons"] {
  if (!Array.isArray(value)) return [];
  return value.map((one: unknown) => ({
    code: textAt(one, "code"),
    message: textAt(one, "message"),
  }));
}

function rolesOf(properties: JsonObject): readonly string[] {
  const { role, roles } = properties;
  const all: readonly unknown[] = Array.isArray(roles) ? roles : [role];
  return all.filter((one) => typeof one === "string");
}

function objectAt(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return isJsonObject(found) ? found : {};
}

function textAt(value: unknown, key: string): string {
  const found = isJsonObject(value) ? value[key] : undefined;
  return typeof found === "string" ? found : "";
}
