import { ENTITIES, type FeatureScalar, type FeatureUpdate } from "../core/features.ts";
import { isJsonObject } from "../core/json.ts";

/** A message of the features topic as Kafka gives it. */
export interface FeatureMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** ms since the Unix epoch, decimal. */
  readonly timestamp: string;
}

/** RFC 3339 with its time zone; JavaScript would also take other texts for dates. */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * Reads one message. The key is a JSON array of entity, id and name, as text without spaces:
 * `["subject","user:ada","risk_score"]`; the id is `""` for `global`. The value is
 * `{"value": …, "event_time": "2026-11-24T09:05:03Z"}`; no value deletes, as of the message's own
 * time.
 *
 * @returns the update, or what is wrong with the message.
 */
export function updateFromMessage(
  message: FeatureMessage,
): FeatureUpdate | { readonly wrong: string } {
  const key = readKey(message.key);
  if ("wrong" in key) return key;
  if (message.value === null) {
    return { ...key, value: null, eventTimeMs: Number(message.timestamp) };
  }
  const body = parsed(message.value);
  if (!isJsonObject(body)) return { wrong: "the value is no JSON object" };
  const { value, event_time: eventTime } = body;
  if (!isScalar(value)) {
    return { wrong: "value is neither number, boolean, text nor a list of texts" };
  }
  const eventTimeMs =
    typeof eventTime === "string" && RFC_3339.test(eventTime) ? Date.parse(eventTime) : Number.NaN;
  if (Number.isNaN(eventTimeMs)) return { wrong: "event_time is no RFC 3339 time" };
  return { ...key, value, eventTimeMs };
}

/** @returns key and value of the message that carries an update. */
export function messageFromUpdate(update: FeatureUpdate): {
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: string;
} {
  const { entity, id, name, value, eventTimeMs } = update;
  return {
    key: JSON.stringify([entity, id, name]),
    value:
      value === null
        ? null
        : JSON.stringify({ value, event_time: new Date(eventTimeMs).toISOString() }),
    timestamp: String(eventTimeMs),
  };
}

type FeatureKey = Pick<FeatureUpdate, "entity" | "id" | "name">;

function readKey(bytes: Buffer | null): FeatureKey | { readonly wrong: string } {
  const key: unknown = bytes === null ? undefined : parsed(bytes);
  if (!isArray(key) || key.length !== 3) {
    return { wrong: "the key is no JSON array of entity, id and name" };
  }
  const [entityText, id, name] = key;
  const entity = ENTITIES.find((known) => known === entityText);
  if (entity === undefined) return { wrong: `the key's entity is none of ${ENTITIES.join(", ")}` };
  if (typeof id !== "string" || typeof name !== "string" || name === "") {
    return { wrong: "the key's id or name is no text" };
  }
  if ((id === "") !== (entity === "global")) {
    return { wrong: 'the key\'s id is empty, or not empty for "global"' };
  }
  return { entity, id, name };
}

function isScalar(value: unknown): value is FeatureScalar {
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") {
    return true;
  }
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** `Array.isArray` makes `any[]` of an unknown. */
function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}
