import type { RegoNumber } from "../terms.ts";

/** A JSON Schema of draft 4, 6 or 7, read and checked. Undefined is what it does not say. */
export interface Schema {
  /** A schema `true` or `false`. */
  pass?: boolean;
  /** `$ref`; nothing beside it counts. */
  ref?: Schema;
  types: readonly JsonType[];
  properties: readonly (readonly [string, Schema])[];
  additionalProperties?: boolean | Schema;
  patternProperties: readonly (readonly [string, Schema])[];
  propertyNames?: Schema;
  dependencies: ReadonlyMap<string, readonly string[] | Schema>;
  items?: Schema | readonly Schema[];
  additionalItems?: boolean | Schema;
  multipleOf?: RegoNumber;
  minimum?: RegoNumber;
  exclusiveMinimum?: RegoNumber;
  maximum?: RegoNumber;
  exclusiveMaximum?: RegoNumber;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minProperties?: number;
  maxProperties?: number;
  required: readonly string[];
  minItems?: number;
  maxItems?: number;
  uniqueItems: boolean;
  contains?: Schema;
  /** As JSON text, by which values are compared. */
  constant?: string;
  enumeration?: readonly string[];
  oneOf: readonly Schema[];
  anyOf: readonly Schema[];
  allOf: readonly Schema[];
  not?: Schema;
  when?: Schema;
  whenTrue?: Schema;
  whenFalse?: Schema;
}

export const jsonTypes = [
  "array",
  "boolean",
  "integer",
  "number",
  "null",
  "object",
  "string",
] as const;
export type JsonType = (typeof jsonTypes)[number];

/** Why a schema is none. */
export class SchemaError extends Error {}

export function newSchema(): Schema {
  return {
    types: [],
    properties: [],
    patternProperties: [],
    dependencies: new Map<string, readonly string[] | Schema>(),
    required: [],
    uniqueItems: false,
    oneOf: [],
    anyOf: [],
    allOf: [],
  };
}
