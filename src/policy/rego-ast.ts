import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { runOpaJson } from "./opa-program.ts";

/** A place in a source file. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** One rule of a module, each `else` on its own. */
export interface RegoRule {
  /** With its package, such as `stile.risk.refusals`. */
  readonly name: string;
  readonly place: Place;
  readonly isDefault: boolean;
  /** The syntax tree of the rule as `opa parse` gives it, without its `else`. */
  readonly tree: JsonObject;
}

/**
 * Parses the Rego files of a folder, tests left out.
 *
 * @param opa path of the OPA program.
 * @throws StileError `bundle_invalid`
 */
export async function parseFolder(folder: string, opa: string): Promise<readonly RegoRule[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".rego"))
    .filter((entry) => !entry.name.endsWith("_test.rego"))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const args = ["parse", "--format", "json", "--json-include", "locations,-comments"];
  const modules = await Promise.all(
    files.map(async (file) => runOpaJson(opa, [...args, file], { folder })),
  );
  return modules.flatMap((tree) => (isJsonObject(tree) ? rulesOf(tree) : []));
}

function rulesOf(tree: JsonObject): readonly RegoRule[] {
  const rules = tree["rules"];
  if (!Array.isArray(rules)) return [];
  const packageName = pathText(memberOf(tree["package"], "path")).replace(/^data\./, "");
  return rules.flatMap((rule: unknown) =>
    isJsonObject(rule) ? chainOf(rule, packageName, headName(rule)) : [],
  );
}

function chainOf(rule: JsonObject, packageName: string, name: string): readonly RegoRule[] {
  const { else: next, ...tree } = rule;
  const place = placeOf(rule["head"]) ?? placeOf(rule);
  const isDefault = rule["default"] === true;
  const one = place && { name: `${packageName}.${name}`, place, isDefault, tree };
  const rest = isJsonObject(next) ? chainOf(next, packageName, name) : [];
  return one === undefined ? rest : [one, ...rest];
}

function headName(rule: JsonObject): string {
  return pathText(memberOf(rule["head"], "ref")) || textOf(memberOf(rule["head"], "name"));
}

/** @returns the constant start of a reference with dots, such as `data.sre.roles`. */
export function pathText(ref: JsonValue | undefined): string {
  return constantPath(ref).join(".");
}

/** @returns the names that a reference starts with, up to its first variable. */
export function constantPath(ref: JsonValue | undefined): readonly string[] {
  if (!isList(ref)) return [];
  const names: string[] = [];
  for (const [i, part] of ref.entries()) {
    const isConstant = memberOf(part, "type") === "string" || i === 0;
    const value = memberOf(part, "value");
    if (!isConstant || typeof value !== "string") break;
    names.push(value);
  }
  return names;
}

export function placeOf(node: JsonValue | undefined): Place | undefined {
  const location = memberOf(node, "location");
  const file = memberOf(location, "file");
  const line = memberOf(location, "row");
  const column = memberOf(location, "col");
  if (typeof file !== "string" || typeof line !== "number" || typeof column !== "number") {
    return undefined;
  }
  return { file, line, column };
}

export function isList(node: JsonValue | undefined): node is readonly JsonValue[] {
  return Array.isArray(node);
}

export function memberOf(node: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(node) ? node[name] : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Shows each object of a tree, with the objects that it stands in, outermost first. */
export function walk(
  node: JsonValue | undefined,
  seen: (node: JsonObject, within: readonly JsonObject[]) => void,
  within: readonly JsonObject[] = [],
): void {
  if (isList(node)) {
    for (const item of node) walk(item, seen, within);
  } else if (isJsonObject(node)) {
    seen(node, within);
    const inside = [...within, node];
    for (const [name, value] of Object.entries(node)) {
      if (name !== "location") walk(value, seen, inside);
    }
  }
}
