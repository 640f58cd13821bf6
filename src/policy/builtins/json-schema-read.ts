import { compareNumbers, integerOf, numberText } from "../rego-number.ts";
import { isArray, isNumber, type RegoNumber, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { comparableJson } from "./json-schema-compare.ts";
import {
  type JsonType,
  jsonTypes,
  newSchema,
  type Schema,
  SchemaError,
} from "./json-schema-model.ts";
import { SchemaReferences } from "./json-schema-references.ts";
import { MEMBERS_MAX } from "./operands.ts";
import { compileRegex } from "./regex-engine.ts";

/** Drafts by what they allow; a schema that names none may use the words of all of them. */
type Draft = "4" | "6" | "7" | "any";

const DRAFTS: ReadonlyMap<string, Draft> = new Map([
  ["http://json-schema.org/draft-04/schema", "4"],
  ["http://json-schema.org/draft-06/schema", "6"],
  ["http://json-schema.org/draft-07/schema", "7"],
]);

const DEPTH_MAX = 500;

/**
 * Reads a schema; every part is checked, used or not. References stay within the document: a
 * decision does no I/O.
 *
 * @param document a term as JSON has it.
 * @throws SchemaError with the words of OPA, when the document is no schema.
 */
export function readSchema(document: Term): Schema {
  return new SchemaReader(document).readRoot();
}

class SchemaReader {
  readonly #document: Term;
  readonly #draft: Draft;
  readonly #references: SchemaReferences;
  readonly #byReference = new Map<string, Schema>();
  #nodeCount = 0;
  #depth = 0;

  constructor(document: Term) {
    this.#document = document;
    this.#draft = draftOf(document);
    this.#references = new SchemaReferences(document);
  }

  readRoot(): Schema {
    return this.#read(this.#document);
  }

  #read(node: Term): Schema {
    const schema = newSchema();
    this.#fill(schema, node);
    return schema;
  }

  #fill(schema: Schema, node: Term): void {
    if (++this.#nodeCount > MEMBERS_MAX || ++this.#depth > DEPTH_MAX) {
      throw new BuiltinError("the schema is too large");
    }
    if (typeof node === "boolean" && this.#draft !== "4") schema.pass = node;
    else if (node instanceof RegoObject) this.#readObject(schema, node);
    else throw new SchemaError("Expected: Valid Schema, given: Invalid JSON");
    this.#depth--;
  }

  #readObject(schema: Schema, node: RegoObject): void {
    textField(
      node,
      this.#draft === "4" || (this.#draft === "any" && node.has("id")) ? "id" : "$id",
    );
    this.#checkDefinitions(node.get("definitions"));
    textField(node, "title");
    textField(node, "description");
    const reference = textField(node, "$ref");
    if (reference !== undefined) {
      schema.ref = this.#referred(reference, node);
      return;
    }
    schema.types = typesOf(node.get("type"));
    this.#readProperties(schema, node);
    this.#readItems(schema, node);
    this.#readNumbers(schema, node);
    readStrings(schema, node);
    readCounts(schema, node);
    this.#readRest(schema, node);
    this.#readCombinations(schema, node);
  }

  #referred(reference: string, node: Term): Schema {
    const { key, node: target } = this.#references.resolve(reference, node);
    const known = this.#byReference.get(key);
    if (known !== undefined) return known;
    const schema = newSchema();
    this.#byReference.set(key, schema);
    if (typeof target !== "boolean" && !(target instanceof RegoObject)) {
      throw new SchemaError("Valid Schema must be of type object");
    }
    this.#fill(schema, target);
    return schema;
  }

  #checkDefinitions(definitions: Term | undefined): void {
    if (definitions === undefined) return;
    const wrong = new SchemaError(invalidType("Array Of Schemas", "definitions"));
    if (!(definitions instanceof RegoObject)) throw wrong;
    for (const [, definition] of definitions.entries) {
      if (!isSchemaNode(definition)) throw wrong;
      this.#read(definition);
    }
  }

  #readProperties(schema: Schema, node: RegoObject): void {
    const properties = node.get("properties");
    if (properties !== undefined) {
      if (!(properties instanceof RegoObject))
        throw new SchemaError("Properties must be of type object");
      schema.properties = this.#named(properties);
    }
    const additional = node.get("additionalProperties");
    if (additional !== undefined) {
      schema.additionalProperties = this.#booleanOrSchema(additional, "additionalProperties");
    }
    const patterns = node.get("patternProperties");
    if (patterns !== undefined) {
      if (!(patterns instanceof RegoObject)) {
        throw new SchemaError(invalidType("Valid Schema", "patternProperties"));
      }
      for (const [pattern] of patterns.entries)
        checkRegex(nameOf(pattern), `Invalid regex pattern '${nameOf(pattern)}'`);
      schema.patternProperties = this.#named(patterns);
    }
    const names = node.get("propertyNames");
    if (names !== undefined && this.#draft !== "4") {
      if (!isSchemaNode(names))
        throw new SchemaError(invalidType("Valid Schema", "patternProperties"));
      schema.propertyNames = this.#read(names);
    }
    const dependencies = node.get("dependencies");
    if (dependencies !== undefined) schema.dependencies = this.#dependencies(dependencies);
  }

  #named(object: RegoObject): readonly (readonly [string, Schema])[] {
    return object.entries.map(([name, child]) => [nameOf(name), this.#read(child)] as const);
  }

  #booleanOrSchema(term: Term, keyword: string): boolean | Schema {
    if (typeof term === "boolean") return term;
    if (term instanceof RegoObject) return this.#read(term);
    throw new SchemaError(invalidType("boolean/Valid Schema", keyword));
  }

  #dependencies(term: Term): ReadonlyMap<string, readonly string[] | Schema> {
    if (!(term instanceof RegoObject)) throw new SchemaError("dependencies must be of type object");
    const dependencies = new Map<string, readonly string[] | Schema>();
    for (const [name, value] of term.entries) {
      if (isSchemaNode(value)) dependencies.set(nameOf(name), this.#read(value));
      else if (isArray(value) && value.every((each) => typeof each === "string")) {
        dependencies.set(nameOf(name), value.map(nameOf));
      } else throw new SchemaError("Dependency must be of type Schema Or Array Of Strings");
    }
    return dependencies;
  }

  #readItems(schema: Schema, node: RegoObject): void {
    const items = node.get("items");
    const wrong = new SchemaError(invalidType("Valid Schema/Array Of Schemas", "items"));
    if (items !== undefined && isArray(items)) {
      schema.items = items.map((item) => {
        if (!isSchemaNode(item)) throw wrong;
        return this.#read(item);
      });
    } else if (items !== undefined) {
      if (!isSchemaNode(items)) throw wrong;
      schema.items = this.#read(items);
    }
    const additional = node.get("additionalItems");
    if (additional !== undefined)
      schema.additionalItems = this.#booleanOrSchema(additional, "additionalItems");
  }

  #readNumbers(schema: Schema, node: RegoObject): void {
    const multipleOf = node.get("multipleOf");
    if (multipleOf !== undefined) {
      if (!isNumber(multipleOf)) throw new SchemaError(invalidType("Number", "multipleOf"));
      if (compareNumbers(multipleOf, 0) <= 0) {
        throw new SchemaError("multipleOf must be strictly greater than 0");
      }
      schema.multipleOf = multipleOf;
    }
    const low = this.#bound(node, "minimum", "exclusiveMinimum");
    if (low.open !== undefined) schema.exclusiveMinimum = low.open;
    if (low.closed !== undefined) schema.minimum = low.closed;
    const high = this.#bound(node, "maximum", "exclusiveMaximum");
    if (high.open !== undefined) schema.exclusiveMaximum = high.open;
    if (high.closed !== undefined) schema.maximum = high.closed;
  }

  /** Draft 4 has a flag that opens the bound, the later ones a bound of its own. */
  #bound(
    node: RegoObject,
    keyword: string,
    exclusive: string,
  ): { closed?: RegoNumber; open?: RegoNumber } {
    const bound = node.get(keyword);
    if (bound !== undefined && !isNumber(bound))
      throw new SchemaError(`${keyword} must be of a Number`);
    const closed = bound === undefined ? {} : { closed: bound };
    const open = node.get(exclusive);
    if (open === undefined) return closed;
    if (isNumber(open) && this.#draft !== "4") return { ...closed, open };
    if (typeof open !== "boolean" || this.#draft === "6" || this.#draft === "7") {
      const expected = { "4": "boolean", any: "boolean/number", "6": "number", "7": "number" };
      throw new SchemaError(invalidType(expected[this.#draft], exclusive));
    }
    if (bound === undefined)
      throw new SchemaError(`${exclusive} cannot be used without ${keyword}`);
    return open ? { open: bound } : closed;
  }

  #readRest(schema: Schema, node: RegoObject): void {
    const unique = node.get("uniqueItems");
    if (unique !== undefined) {
      if (typeof unique !== "boolean") throw new SchemaError("uniqueItems must be of a boolean");
      schema.uniqueItems = unique;
    }
    const contains = node.get("contains");
    if (contains !== undefined && this.#draft !== "4") schema.contains = this.#read(contains);
    const constant = node.get("const");
    if (constant !== undefined && this.#draft !== "4") schema.constant = comparableJson(constant);
    const enumeration = arrayField(node, "enum");
    if (enumeration === undefined) return;
    schema.enumeration = enumeration.map(comparableJson);
    if (new Set(schema.enumeration).size !== enumeration.length) {
      throw new SchemaError("enum items must be unique");
    }
  }

  #readCombinations(schema: Schema, node: RegoObject): void {
    schema.oneOf = (arrayField(node, "oneOf") ?? []).map((each) => this.#read(each));
    schema.anyOf = (arrayField(node, "anyOf") ?? []).map((each) => this.#read(each));
    schema.allOf = (arrayField(node, "allOf") ?? []).map((each) => this.#read(each));
    const not = this.#schemaField(node, "not");
    if (not !== undefined) schema.not = not;
    if (this.#draft === "4" || this.#draft === "6") return;
    const when = this.#schemaField(node, "if");
    const whenTrue = this.#schemaField(node, "then");
    const whenFalse = this.#schemaField(node, "else");
    if (when !== undefined) schema.when = when;
    if (whenTrue !== undefined) schema.whenTrue = whenTrue;
    if (whenFalse !== undefined) schema.whenFalse = whenFalse;
  }

  #schemaField(node: RegoObject, keyword: string): Schema | undefined {
    const value = node.get(keyword);
    if (value === undefined) return undefined;
    if (!isSchemaNode(value)) throw new SchemaError(`${keyword} must be of an object`);
    return this.#read(value);
  }
}

function draftOf(document: Term): Draft {
  if (typeof document === "boolean") return "any";
  if (!(document instanceof RegoObject)) throw new SchemaError("schema is invalid");
  const address = document.get("$schema");
  if (address === undefined) return "any";
  if (typeof address !== "string") throw new SchemaError("$schema must be of type string");
  return DRAFTS.get(address.replace(/#$/, "")) ?? "any";
}

function typesOf(term: Term | undefined): readonly JsonType[] {
  if (term === undefined) return [];
  const names = isArray(term) ? term : [term];
  const types: JsonType[] = [];
  for (const name of names) {
    if (typeof name !== "string")
      throw new SchemaError(invalidType("type", "string/Array Of Strings"));
    const type = jsonTypes.find((each) => each === name);
    if (type === undefined) {
      throw new SchemaError(
        `has a primitive type that is NOT VALID -- given: /${name}/ Expected valid values are:[${jsonTypes.join(" ")}]`,
      );
    }
    if (types.includes(type)) throw new SchemaError(`${name} type is duplicated`);
    types.push(type);
  }
  return types;
}

function readStrings(schema: Schema, node: RegoObject): void {
  readRange(schema, node, "minLength", "maxLength");
  if ((schema.minLength ?? 0) > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    throw new SchemaError("minLength cannot be greater than maxLength");
  }
  const pattern = textField(node, "pattern");
  if (pattern !== undefined) {
    checkRegex(pattern, "pattern must be a valid regex");
    schema.pattern = pattern;
  }
  const format = textField(node, "format");
  if (format !== undefined) schema.format = format;
}

function readCounts(schema: Schema, node: RegoObject): void {
  readRange(schema, node, "minProperties", "maxProperties");
  if ((schema.minProperties ?? 0) > (schema.maxProperties ?? Number.POSITIVE_INFINITY)) {
    throw new SchemaError("minProperties cannot be greater than maxProperties");
  }
  schema.required = (arrayField(node, "required") ?? []).map((name) => {
    if (typeof name !== "string") throw new SchemaError(invalidType("string", "required"));
    return name;
  });
  if (new Set(schema.required).size !== schema.required.length) {
    throw new SchemaError("required items must be unique");
  }
  readRange(schema, node, "minItems", "maxItems");
}

type CountKeyword =
  | "minLength"
  | "maxLength"
  | "minProperties"
  | "maxProperties"
  | "minItems"
  | "maxItems";

function readRange(schema: Schema, node: RegoObject, ...keywords: readonly CountKeyword[]): void {
  for (const keyword of keywords) {
    const value = node.get(keyword);
    if (value === undefined) continue;
    const count =
      isNumber(value) && /^-?[0-9]+$/.test(numberText(value)) ? integerOf(value) : undefined;
    if (count === undefined) throw new SchemaError(`${keyword} must be of an integer`);
    if (count < 0n) throw new SchemaError(`${keyword} must be greater than or equal to 0`);
    schema[keyword] = Number(count);
  }
}

function textField(node: RegoObject, keyword: string): string | undefined {
  const value = node.get(keyword);
  if (value === undefined || typeof value === "string") return value;
  throw new SchemaError(invalidType("string", keyword));
}

function arrayField(node: RegoObject, keyword: string): readonly Term[] | undefined {
  const value = node.get(keyword);
  if (value === undefined || isArray(value)) return value;
  throw new SchemaError(`${keyword} must be of an array`);
}

/** Keys of a document in JSON are strings. */
function nameOf(key: Term): string {
  return typeof key === "string" ? key : "";
}

function isSchemaNode(term: Term): boolean {
  return typeof term === "boolean" || term instanceof RegoObject;
}

function checkRegex(pattern: string, message: string): void {
  try {
    compileRegex(pattern);
  } catch (cause) {
    throw new SchemaError(message, { cause });
  }
}

function invalidType(expected: string, given: string): string {
  return `Invalid type. Expected: ${expected}, given: ${given}`;
}
