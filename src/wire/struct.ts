import type { JsonObject as StructJson, JsonValue as StructValue } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "../core/json.ts";

/** @returns a copy that protobuf-es may hold as a google.protobuf.Struct. */
export function structFromJson(object: JsonObject): StructJson {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, copyOf(value)]));
}

function copyOf(value: JsonValue): StructValue {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return value.map(copyOf);
  return structFromJson(value);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
