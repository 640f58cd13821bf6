import { create, fromJson } from "@bufbuild/protobuf";
import {
  durationFromMs,
  type Timestamp,
  timestampMs,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import type { FieldViolation } from "../core/errors.ts";
import {
  ENTITIES,
  type FeatureEntity,
  type FeatureReading,
  type FeatureScalar,
  type FeatureUpdate,
  type Signal,
} from "../core/features.ts";
import { invalidRequest } from "./decision-request.ts";
import {
  FeatureValueSchema,
  type GetFeaturesResponse,
  GetFeaturesResponseSchema,
  type ObserveRequest,
  type PutFeaturesRequest,
} from "./gen/stile/v1/feature_pb.ts";

/** Updates or signals in one message. */
export const ITEMS_MAX = 1000;

/**
 * @param nowMs stands in for an unset event time.
 * @throws StileError `invalid_request`, naming every field that cannot be a feature.
 */
export function updatesFromMessage(message: PutFeaturesRequest, nowMs: number): FeatureUpdate[] {
  const violations: FieldViolation[] = [];
  if (message.updates.length > ITEMS_MAX)
    throw invalidRequest([tooMany("updates", message.updates.length)]);
  const updates = message.updates.map((update, index): FeatureUpdate => {
    const at = `updates[${index}]`;
    const value = scalarOf(update.value);
    if (value === undefined) {
      const description = "is not a number, a boolean, a string, a list of strings or null";
      violations.push({ field: `${at}.value`, description });
    }
    if (!isFeatureEntity(update.entity)) {
      const description = `is "${update.entity}"; accepted are ${ENTITIES.join(", ")}`;
      violations.push({ field: `${at}.entity`, description });
    }
    return {
      entity: isFeatureEntity(update.entity) ? update.entity : "global",
      id: update.id,
      name: update.name,
      value: value ?? null,
      eventTimeMs: msOf(update.eventTime, nowMs),
    };
  });
  if (violations.length > 0) throw invalidRequest(violations);
  return updates;
}

/** @throws StileError `invalid_request` */
export function signalsFromMessage(message: ObserveRequest, nowMs: number): Signal[] {
  if (message.signals.length > ITEMS_MAX)
    throw invalidRequest([tooMany("signals", message.signals.length)]);
  return message.signals.map((signal) => ({
    id: signal.id,
    source: signal.source,
    type: signal.type,
    timeMs: msOf(signal.time, nowMs),
    subject: signal.subject,
    data: signal.data ?? {},
  }));
}

/** @throws StileError `invalid_request` */
export function entityFromText(text: string): FeatureEntity {
  if (isFeatureEntity(text)) return text;
  const description = `is "${text}"; accepted are ${ENTITIES.join(", ")}`;
  throw invalidRequest([{ field: "entity", description }]);
}

export function messageFromReadings(readings: readonly FeatureReading[]): GetFeaturesResponse {
  return create(GetFeaturesResponseSchema, {
    features: readings.map(({ name, value, ageMs, state }) => {
      const feature = create(FeatureValueSchema, { name, state });
      if (value !== undefined) feature.value = valueOf(value);
      if (ageMs !== undefined) feature.age = durationFromMs(ageMs);
      return feature;
    }),
  });
}

function valueOf(scalar: FeatureScalar): Value {
  return fromJson(ValueSchema, typeof scalar === "object" ? [...scalar] : scalar);
}

/** @returns null for a null, undefined for what no feature can be. */
function scalarOf(value: Value | undefined): FeatureScalar | null | undefined {
  const kind = value?.kind;
  switch (kind?.case) {
    case "nullValue":
      return null;
    case "numberValue":
    case "stringValue":
    case "boolValue":
      return kind.value;
    case "listValue":
      return stringsOf(kind.value.values);
    default:
      return undefined;
  }
}

function stringsOf(values: readonly Value[]): readonly string[] | undefined {
  const strings: string[] = [];
  for (const { kind } of values) {
    if (kind.case !== "stringValue") return undefined;
    strings.push(kind.value);
  }
  return strings;
}

function isFeatureEntity(text: string): text is FeatureEntity {
  return ENTITIES.some((entity) => entity === text);
}

function tooMany(field: string, count: number): FieldViolation {
  return { field, description: `holds ${count} items; at most ${ITEMS_MAX} are accepted` };
}

function msOf(time: Timestamp | undefined, otherwiseMs: number): number {
  return time === undefined ? otherwiseMs : timestampMs(time);
}
