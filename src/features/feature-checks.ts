import type { ErrorCode } from "../core/errors.ts";
import { StileError, unreachable } from "../core/errors.ts";
import type { FeatureType, FeatureUpdate, Signal } from "../core/features.ts";
import type { JsonObject } from "../core/json.ts";
import type { Column } from "./column.ts";
import {
  ID_BYTES_MAX,
  ITEM_CHARS_MAX,
  NAME_CHARS_MAX,
  STRING_CHARS_MAX,
  STRINGS_MAX,
} from "./feature-limits.ts";

/** Why an update or a signal is refused. */
export interface Fault {
  readonly code: ErrorCode;
  readonly field: string;
  /** What was wrong and what is accepted. */
  readonly description: string;
}

/** The event times accepted, both included; ms since the Unix epoch. */
export interface EventSpan {
  readonly earliestMs: number;
  readonly latestMs: number;
}

export function errorFromFault(list: string, index: number, fault: Fault): StileError {
  const field = `${list}[${index}].${fault.field}`;
  return new StileError(fault.code, `${field} ${fault.description}`, {
    violations: [{ field, description: fault.description }],
  });
}

/** @param column the declared feature that the update names, if any. */
export function findUpdateFault(
  update: FeatureUpdate,
  column: Column | undefined,
  span: EventSpan,
): Fault | undefined {
  if (column === undefined) {
    const name = `${update.entity}.${update.name}`.slice(0, NAME_CHARS_MAX);
    return {
      code: "undeclared_feature",
      field: "name",
      description: `"${name}" is declared by no bundle in force`,
    };
  }
  if (column.given === undefined) {
    const { kind } = column.declaration.made;
    return invalid("name", `is made from signals (${kind}); only given features can be put`);
  }
  return (
    findIdFault(update.entity, update.id) ??
    findTimeFault("event_time", update.eventTimeMs, span) ??
    (update.value === null ? undefined : findValueFault(column.declaration.type, update.value))
  );
}

/** @param attributes the attributes that declared features read from signals of this type. */
export function findSignalFault(
  signal: Signal,
  attributes: readonly string[],
  span: EventSpan,
): Fault | undefined {
  return (
    findTextFault("id", signal.id, ID_BYTES_MAX) ??
    findTextFault("source", signal.source, ID_BYTES_MAX) ??
    findTextFault("type", signal.type, ID_BYTES_MAX) ??
    findTimeFault("time", signal.timeMs, span) ??
    (signal.subject === "" ? undefined : findKeyFault("subject", signal.subject)) ??
    findDataIdFault(signal.data) ??
    findAttributeFault(signal.data, attributes)
  );
}

/** Members of a signal's data that name its entities. */
const DATA_IDS = ["device_id", "session_id", "ip", "resource"] as const;

/** @returns the text of an attribute; undefined where the signal has none. */
export function attributeText(data: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(data, name) ? data[name] : undefined;
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function findDataIdFault(data: JsonObject): Fault | undefined {
  for (const name of DATA_IDS) {
    const id = data[name];
    if (id === undefined || id === null || id === "") continue;
    const field = `data.${name}`;
    if (typeof id !== "string") return invalid(field, "must be a string");
    const fault =
      name === "resource" ? findKeyFault(field, id) : findTextFault(field, id, ID_BYTES_MAX);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function findAttributeFault(data: JsonObject, attributes: readonly string[]): Fault | undefined {
  for (const name of attributes) {
    const value = Object.hasOwn(data, name) ? data[name] : undefined;
    if (value === undefined || value === null) continue;
    const text = attributeText(data, name);
    if (text === undefined || text.length > ITEM_CHARS_MAX || !isWellFormed(text)) {
      const accepted = `a string of at most ${ITEM_CHARS_MAX} characters, a number or a boolean`;
      return invalid(`data.${name}`, `is read by a declared feature and must be ${accepted}`);
    }
  }
  return undefined;
}

function findIdFault(entity: string, id: string): Fault | undefined {
  if (entity === "global") return id === "" ? undefined : invalid("id", "must be empty for global");
  if (entity === "subject" || entity === "resource") return findKeyFault("id", id);
  return findTextFault("id", id, ID_BYTES_MAX);
}

function findKeyFault(field: string, key: string): Fault | undefined {
  const colon = key.indexOf(":");
  if (colon < 1 || colon === key.length - 1) return invalid(field, 'must be "type:id"');
  return findTextFault(field, key, ID_BYTES_MAX);
}

function findTextFault(field: string, text: string, bytesMax: number): Fault | undefined {
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no counting.
  const isShort = text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax;
  if (text !== "" && isShort) return undefined;
  return invalid(field, `must have 1 to ${bytesMax} bytes`);
}

function findTimeFault(field: string, timeMs: number, span: EventSpan): Fault | undefined {
  const isWithin = timeMs >= span.earliestMs && timeMs <= span.latestMs;
  if (isWithin && Number.isInteger(timeMs)) return undefined;
  const [earliest, latest] = [isoTime(span.earliestMs), isoTime(span.latestMs)];
  return invalid(
    field,
    `is ${isoTime(timeMs)}; whole ms from ${earliest} to ${latest} are accepted`,
  );
}

function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}

function findValueFault(type: FeatureType, value: unknown): Fault | undefined {
  switch (type) {
    case "number":
      return Number.isFinite(value) ? undefined : invalid("value", "must be a finite number");
    case "boolean":
      return typeof value === "boolean" ? undefined : invalid("value", "must be a boolean");
    case "string":
      return isText(value, STRING_CHARS_MAX)
        ? undefined
        : invalid("value", `must be a string of at most ${STRING_CHARS_MAX} characters`);
    case "strings":
      return isTexts(value)
        ? undefined
        : invalid(
            "value",
            `must be a list of at most ${STRINGS_MAX} strings of at most ${ITEM_CHARS_MAX} characters`,
          );
    default:
      return unreachable(type);
  }
}

function isTexts(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > STRINGS_MAX) return false;
  return value.every((item) => isText(item, ITEM_CHARS_MAX));
}

function isText(value: unknown, charsMax: number): boolean {
  return typeof value === "string" && value.length <= charsMax && isWellFormed(value);
}

/** Half of a surrogate pair has no UTF-8: the policy's input could not be written. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function invalid(field: string, description: string): Fault {
  return { code: "invalid_request", field, description };
}
