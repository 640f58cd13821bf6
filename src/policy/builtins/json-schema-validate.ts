import { compareNumbers, doubleOf, numberText, type RegoNumber } from "../rego-number.ts";
import { isArray, isNumber, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { fractionOfText } from "./fraction.ts";
import { formatGoFloat } from "./go-float.ts";
import { comparableJson } from "./json-schema-compare.ts";
import { hasFormat } from "./json-schema-formats.ts";
import type { JsonType, Schema } from "./json-schema-model.ts";
import { compileRegex, matchesSomewhere } from "./regex-engine.ts";

/** One thing that a document has wrong, in the words of OPA. */
export interface Violation {
  readonly type: string;
  /** Names down to the part, with dots; `(Root)` for the document itself. */
  readonly field: string;
  readonly description: string;
}

/** Checks made before a validation is given up. */
const STEPS_MAX = 200_000;
const DEPTH_MAX = 500;

/** @param document a term as JSON has it. @throws BuiltinError when it takes too many steps. */
export function violationsOf(schema: Schema, document: Term): readonly Violation[] {
  const validation = new Validation({ steps: 0 });
  validation.check(schema, document, []);
  return validation.violations;
}

type Path = readonly string[];

/** What is found, and a score that tells which of several alternatives came nearest. */
class Validation {
  readonly violations: Violation[] = [];
  readonly #budget: { steps: number };
  #score = 0;

  constructor(budget: { steps: number }) {
    this.#budget = budget;
  }

  check(schema: Schema, node: Term, path: Path, depth = 0): void {
    if (++this.#budget.steps > STEPS_MAX || depth > DEPTH_MAX) {
      throw new BuiltinError("the validation takes too many steps");
    }
    if (schema.pass !== undefined) {
      if (!schema.pass) this.#add("false", path, "False always fails validation");
      return;
    }
    if (schema.ref !== undefined) {
      this.check(schema.ref, node, path, depth + 1);
      return;
    }
    const given = typeOf(node);
    const fits =
      schema.types.includes(given) || (given === "integer" && schema.types.includes("number"));
    if (schema.types.length > 0 && !fits) {
      const expected =
        schema.types.length === 1 ? schema.types.join() : `[${schema.types.join(",")}]`;
      this.#add("invalid_type", path, `Invalid type. Expected: ${expected}, given: ${given}`);
      return;
    }
    this.#combinations(schema, node, path, depth);
    if (isNumber(node)) this.#number(schema, node, path);
    else if (isArray(node)) this.#array(schema, node, path, depth);
    else if (node instanceof RegoObject) this.#object(schema, node, path, depth);
    this.#common(schema, node, path);
    if (typeof node === "string") this.#string(schema, node, path);
    if (node instanceof RegoObject) {
      for (const [name, property] of schema.properties) {
        const child = node.get(name);
        if (child !== undefined) this.check(property, child, [...path, name], depth + 1);
      }
    }
    this.#score++;
  }

  #add(type: string, path: Path, description: string): void {
    const field = path.length === 0 ? "(Root)" : path.join(".");
    this.violations.push({ type, field, description });
    this.#score -= 2;
  }

  #try(schema: Schema, node: Term, path: Path, depth: number): Validation {
    const attempt = new Validation(this.#budget);
    attempt.check(schema, node, path, depth + 1);
    return attempt;
  }

  #merge(other: Validation | undefined): void {
    if (other === undefined) return;
    this.violations.push(...other.violations);
    this.#score += other.#score;
  }

  get #isValid(): boolean {
    return this.violations.length === 0;
  }

  #combinations(schema: Schema, node: Term, path: Path, depth: number): void {
    this.#anyOf(schema.anyOf, node, path, depth);
    this.#oneOf(schema.oneOf, node, path, depth);
    const all = schema.allOf.map((each) => this.#try(each, node, path, depth));
    for (const attempt of all) this.#merge(attempt);
    if (all.some((attempt) => !attempt.#isValid)) {
      this.#add("number_all_of", path, "Must validate all the schemas (allOf)");
    }
    if (schema.not !== undefined && this.#try(schema.not, node, path, depth).#isValid) {
      this.#add("number_not", path, "Must not validate the schema (not)");
    }
    if (node instanceof RegoObject) this.#dependencies(schema, node, path, depth);
    if (schema.when !== undefined) this.#condition(schema, schema.when, node, path, depth);
    this.#score++;
  }

  #anyOf(schemas: readonly Schema[], node: Term, path: Path, depth: number): void {
    if (schemas.length === 0) return;
    let best: Validation | undefined;
    for (const schema of schemas) {
      const attempt = this.#try(schema, node, path, depth);
      if (attempt.#isValid) return;
      if (best === undefined || attempt.#score > best.#score) best = attempt;
    }
    this.#add("number_any_of", path, "Must validate at least one schema (anyOf)");
    this.#merge(best);
  }

  #oneOf(schemas: readonly Schema[], node: Term, path: Path, depth: number): void {
    if (schemas.length === 0) return;
    let best: Validation | undefined;
    let validCount = 0;
    for (const schema of schemas) {
      const attempt = this.#try(schema, node, path, depth);
      if (attempt.#isValid) validCount++;
      else if (validCount === 0 && (best === undefined || attempt.#score > best.#score))
        best = attempt;
    }
    if (validCount === 1) return;
    this.#add("number_one_of", path, "Must validate one and only one schema (oneOf)");
    if (validCount === 0) this.#merge(best);
  }

  #dependencies(schema: Schema, node: RegoObject, path: Path, depth: number): void {
    for (const [name] of node.entries) {
      const dependency = schema.dependencies.get(nameOf(name));
      if (dependency === undefined) continue;
      if ("types" in dependency) {
        this.check(dependency, node, path, depth + 1);
        continue;
      }
      for (const wanted of dependency) {
        if (!node.has(wanted))
          this.#add("missing_dependency", path, `Has a dependency on ${wanted}`);
      }
    }
  }

  #condition(schema: Schema, when: Schema, node: Term, path: Path, depth: number): void {
    const holds = this.#try(when, node, path, depth).#isValid;
    const branch = holds ? schema.whenTrue : schema.whenFalse;
    if (branch === undefined) return;
    const attempt = this.#try(branch, node, path, depth);
    if (attempt.#isValid) return;
    if (holds) this.#add("condition_then", path, 'Must validate "then" as "if" was valid');
    else this.#add("condition_else", path, 'Must validate "else" as "if" was not valid');
    this.#merge(attempt);
  }

  #common(schema: Schema, node: Term, path: Path): void {
    const field = path.length === 0 ? "(Root)" : path.join(".");
    if (schema.constant !== undefined && comparableJson(node) !== schema.constant) {
      this.#add("const", path, `${field} does not match: ${schema.constant}`);
    }
    if (schema.enumeration !== undefined && !schema.enumeration.includes(comparableJson(node))) {
      const allowed = schema.enumeration.join(", ");
      this.#add("enum", path, `${field} must be one of the following: ${allowed}`);
    }
    const { format } = schema;
    if (format !== undefined && typeof node === "string" && !hasFormat(node, format)) {
      this.#add("format", path, `Does not match format '${format}'`);
    }
    this.#score++;
  }

  #array(schema: Schema, node: readonly Term[], path: Path, depth: number): void {
    this.#items(schema, node, path, depth);
    if (schema.minItems !== undefined && node.length < schema.minItems) {
      this.#add("array_min_items", path, `Array must have at least ${schema.minItems} items`);
    }
    if (schema.maxItems !== undefined && node.length > schema.maxItems) {
      this.#add("array_max_items", path, `Array must have at most ${schema.maxItems} items`);
    }
    if (schema.uniqueItems) this.#unique(node, path);
    if (schema.contains !== undefined) this.#contains(schema.contains, node, path, depth);
    this.#score++;
  }

  #items(schema: Schema, node: readonly Term[], path: Path, depth: number): void {
    const { items } = schema;
    if (items === undefined) return;
    if ("types" in items) {
      for (const [at, item] of node.entries())
        this.#merge(this.#try(items, item, [...path, String(at)], depth));
      return;
    }
    if (items.length === 0) return;
    for (const [at, item] of node.entries()) {
      const own = items[at];
      const rest = schema.additionalItems;
      if (own !== undefined) this.#merge(this.#try(own, item, [...path, String(at)], depth));
      else if (typeof rest === "object")
        this.#merge(this.#try(rest, item, [...path, String(at)], depth));
    }
    if (schema.additionalItems === false && items.length < node.length) {
      this.#add("array_no_additional_items", path, "No additional items allowed on array");
    }
  }

  #unique(node: readonly Term[], path: Path): void {
    const seen = new Map<string, number>();
    for (const [at, item] of node.entries()) {
      const text = comparableJson(item);
      const before = seen.get(text);
      if (before !== undefined)
        this.#add("unique", path, `array items[${before},${at}] must be unique`);
      seen.set(text, at);
    }
  }

  #contains(schema: Schema, node: readonly Term[], path: Path, depth: number): void {
    let best: Validation | undefined;
    for (const [at, item] of node.entries()) {
      const attempt = this.#try(schema, item, [...path, String(at)], depth);
      if (attempt.#isValid) return;
      if (best === undefined || attempt.#score > best.#score) best = attempt;
    }
    this.#add("contains", path, "At least one of the items must match");
    this.#merge(best);
  }

  #object(schema: Schema, node: RegoObject, path: Path, depth: number): void {
    if (schema.minProperties !== undefined && node.size < schema.minProperties) {
      this.#add(
        "array_min_properties",
        path,
        `Must have at least ${schema.minProperties} properties`,
      );
    }
    if (schema.maxProperties !== undefined && node.size > schema.maxProperties) {
      this.#add(
        "array_max_properties",
        path,
        `Must have at most ${schema.maxProperties} properties`,
      );
    }
    for (const name of schema.required) {
      if (node.has(name)) this.#score++;
      else this.#add("required", path, `${name} is required`);
    }
    const known = new Set(schema.properties.map(([name]) => name));
    for (const [key, value] of node.entries) {
      const name = nameOf(key);
      const matched = this.#patterns(schema, name, value, path, depth);
      if (known.has(name) || matched) continue;
      const additional = schema.additionalProperties;
      if (additional === false) {
        this.#add(
          "additional_property_not_allowed",
          path,
          `Additional property ${name} is not allowed`,
        );
      } else if (typeof additional === "object") {
        this.#merge(this.#try(additional, value, [...path, name], depth));
      }
    }
    if (schema.propertyNames !== undefined) this.#names(schema.propertyNames, node, path, depth);
    this.#score++;
  }

  #patterns(schema: Schema, name: string, value: Term, path: Path, depth: number): boolean {
    let matched = false;
    for (const [pattern, property] of schema.patternProperties) {
      if (!matchesSomewhere(compileRegex(pattern), name)) continue;
      matched = true;
      this.#merge(this.#try(property, value, [...path, name], depth));
    }
    if (matched) this.#score++;
    return matched;
  }

  #names(schema: Schema, node: RegoObject, path: Path, depth: number): void {
    for (const [name] of node.entries) {
      const attempt = this.#try(schema, name, path, depth);
      if (attempt.#isValid) continue;
      this.#add("invalid_property_name", path, `Property name of "${nameOf(name)}" does not match`);
      this.#merge(attempt);
    }
  }

  #string(schema: Schema, node: string, path: Path): void {
    const { minLength, maxLength, pattern } = schema;
    const length = minLength === undefined && maxLength === undefined ? 0 : Array.from(node).length;
    if (minLength !== undefined && length < minLength) {
      this.#add("string_gte", path, `String length must be greater than or equal to ${minLength}`);
    }
    if (maxLength !== undefined && length > maxLength) {
      this.#add("string_lte", path, `String length must be less than or equal to ${maxLength}`);
    }
    if (pattern !== undefined && !matchesSomewhere(compileRegex(pattern), node)) {
      this.#add("pattern", path, `Does not match pattern '${pattern}'`);
    }
    this.#score++;
  }

  #number(schema: Schema, node: RegoNumber, path: Path): void {
    const { multipleOf, minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
    if (multipleOf !== undefined && !isMultiple(node, multipleOf)) {
      this.#add("multiple_of", path, `Must be a multiple of ${bound(multipleOf)}`);
    }
    if (maximum !== undefined && compareNumbers(node, maximum) > 0) {
      this.#add("number_lte", path, `Must be less than or equal to ${bound(maximum)}`);
    }
    if (exclusiveMaximum !== undefined && compareNumbers(node, exclusiveMaximum) >= 0) {
      this.#add("number_lt", path, `Must be less than ${bound(exclusiveMaximum)}`);
    }
    if (minimum !== undefined && compareNumbers(node, minimum) < 0) {
      this.#add("number_gte", path, `Must be greater than or equal to ${bound(minimum)}`);
    }
    if (exclusiveMinimum !== undefined && compareNumbers(node, exclusiveMinimum) <= 0) {
      this.#add("number_gt", path, `Must be greater than ${bound(exclusiveMinimum)}`);
    }
    this.#score++;
  }
}

/** Keys of a document in JSON are strings. */
function nameOf(key: Term): string {
  return typeof key === "string" ? key : "";
}

function typeOf(node: Term): JsonType {
  if (node === null) return "null";
  if (typeof node === "boolean") return "boolean";
  if (typeof node === "string") return "string";
  if (isArray(node)) return "array";
  return isNumber(node) ? (isMultiple(node, 1) ? "integer" : "number") : "object";
}

function isMultiple(value: RegoNumber, unit: RegoNumber): boolean {
  if (typeof value === "number" && unit === 1 && Number.isSafeInteger(value)) return true;
  const dividend = fractionOfText(numberText(value));
  const divisor = fractionOfText(numberText(unit));
  if (dividend === undefined || divisor === undefined)
    throw new BuiltinError("a number is too long");
  return (
    (dividend.numerator * divisor.denominator) % (dividend.denominator * divisor.numerator) === 0n
  );
}

/** Ten significant digits. */
function bound(value: RegoNumber): string {
  return formatGoFloat(doubleOf(value), "g", 10);
}
