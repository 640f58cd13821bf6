import { ENTITIES, type FeatureDeclaration, type FeatureType } from "../core/features.ts";
import type { JsonObject } from "../core/json.ts";

/**
 * The JSON Schema of a policy's input document: the request's shape, the proof that came, and the
 * declared features. Names that are not in it cannot be there; `properties` and `context` are
 * the caller's own.
 */
export function inputSchemaOf(declared: readonly FeatureDeclaration[]): JsonObject {
  const features: Record<string, JsonObject> = {};
  const freshness: Record<string, JsonObject> = {};
  for (const entity of ENTITIES) {
    const own = declared.filter((feature) => feature.entity === entity);
    features[entity] = closed(
      Object.fromEntries(own.map(({ name, type }) => [name, VALUES[type]])),
    );
    freshness[entity] = closed(Object.fromEntries(own.map(({ name }) => [name, STATE])));
  }
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Input of stile/decision",
    ...closed({
      subject: ENTITY,
      action: closed({ name: text, properties: open }, ["name"]),
      resource: ENTITY,
      context: open,
      authn: closed({
        acr: text,
        amr: { type: "array", items: text },
        auth_time: number,
        age_s: number,
        bind: { type: "string", enum: ["action", "resource", "session"] },
        once: { type: "boolean" },
      }),
      features: closed(features),
      freshness: closed(freshness),
      now_ns: number,
    }),
    required: ["subject", "action", "resource", "context", "features", "freshness", "now_ns"],
  };
}

const text = { type: "string" } as const;
const number = { type: "number" } as const;
const open = { type: "object", additionalProperties: true } as const;

function closed(
  properties: Readonly<Record<string, JsonObject>>,
  required: readonly string[] = [],
): JsonObject {
  return {
    type: "object",
    properties,
    additionalProperties: false,
    ...(required.length > 0 && { required }),
  };
}

const ENTITY = closed({ type: text, id: text, properties: open }, ["type", "id"]);
const STATE = closed(
  { age_ms: number, state: { type: "string", enum: ["fresh", "stale", "missing"] } },
  ["state"],
);

const VALUES: Readonly<Record<FeatureType, JsonObject>> = {
  number,
  boolean: { type: "boolean" },
  string: text,
  strings: { type: "array", items: text },
};
