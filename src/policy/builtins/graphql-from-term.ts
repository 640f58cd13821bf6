import { isArray, isNumber, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";

/**
 * @returns the text of a query whose syntax tree has the shape of OPA's parser. OPA reads every
 *   selection of a tree as a field, so fragments in one do not pass validation.
 */
export function queryText(tree: RegoObject): string {
  const operations = listOf(tree, "Operations").map((node) => {
    const variables = listOf(node, "VariableDefinitions").map((each) => {
      const value = each.get("DefaultValue");
      const initial = value instanceof RegoObject ? ` = ${valueText(value)}` : "";
      return `$${nameOf(each, "Variable")}: ${typeText(objectOf(each, "Type"))}${initial}${directivesText(each)}`;
    });
    const name = textOf(node, "Name") === "" ? "" : nameOf(node, "Name");
    const parameters = variables.length === 0 ? "" : `(${variables.join(", ")})`;
    return `${wordOf(node, "Operation")} ${name}${parameters}${directivesText(node)}${selectionsText(node)}`;
  });
  const fragments = listOf(tree, "Fragments").map((node) => {
    return `fragment ${nameOf(node, "Name")} on ${nameOf(node, "TypeCondition")}${directivesText(node)}${selectionsText(node)}`;
  });
  return [...operations, ...fragments].join("\n");
}

/** @returns the text of a schema whose syntax tree has the shape of OPA's parser. */
export function schemaText(tree: RegoObject): string {
  return [
    ...listOf(tree, "Schema").map((node) => `schema${rootsText(node)}`),
    ...listOf(tree, "SchemaExtension").map((node) => `extend schema${rootsText(node)}`),
    ...listOf(tree, "Directives").map((node) => {
      const repeatable = node.get("IsRepeatable") === true ? " repeatable" : "";
      const locations = namesOf(node, "Locations").join(" | ");
      return `directive @${nameOf(node, "Name")}${parametersText(node)}${repeatable} on ${locations}`;
    }),
    ...listOf(tree, "Definitions").map(definitionText),
    ...listOf(tree, "Extensions").map((node) => `extend ${definitionText(node)}`),
  ].join("\n");
}

const KEYWORDS: Readonly<Record<string, string>> = {
  SCALAR: "scalar",
  OBJECT: "type",
  INTERFACE: "interface",
  UNION: "union",
  ENUM: "enum",
  INPUT_OBJECT: "input",
};

function definitionText(node: RegoObject): string {
  const keyword = KEYWORDS[textOf(node, "Kind")];
  if (keyword === undefined) throw new BuiltinError("unknown kind of GraphQL definition");
  const interfaces = namesOf(node, "Interfaces");
  const types = namesOf(node, "Types");
  const fields = listOf(node, "Fields").map((field) => {
    return `${nameOf(field, "Name")}${parametersText(field)}${typeAndDefault(field)}`;
  });
  const values = listOf(node, "EnumValues").map(
    (value) => nameOf(value, "Name") + directivesText(value),
  );
  const members = [...fields, ...values];
  return [
    `${keyword} ${nameOf(node, "Name")}`,
    interfaces.length === 0 ? "" : ` implements ${interfaces.join(" & ")}`,
    directivesText(node),
    types.length === 0 ? "" : ` = ${types.join(" | ")}`,
    members.length === 0 ? "" : ` {\n${members.join("\n")}\n}`,
  ].join("");
}

function rootsText(node: RegoObject): string {
  const roots = listOf(node, "OperationTypes").map((root) => {
    return `${wordOf(root, "Operation")}: ${nameOf(root, "Type")}`;
  });
  return directivesText(node) + (roots.length === 0 ? "" : ` { ${roots.join(" ")} }`);
}

function parametersText(node: RegoObject): string {
  const parameters = listOf(node, "Arguments").map(
    (each) => nameOf(each, "Name") + typeAndDefault(each),
  );
  return parameters.length === 0 ? "" : `(${parameters.join(", ")})`;
}

function typeAndDefault(node: RegoObject): string {
  const value = node.get("DefaultValue");
  const initial = value instanceof RegoObject ? ` = ${valueText(value)}` : "";
  return `: ${typeText(objectOf(node, "Type"))}${initial}${directivesText(node)}`;
}

function selectionsText(node: RegoObject): string {
  const selections = listOf(node, "SelectionSet").map((field) => {
    const alias = textOf(field, "Alias");
    const label =
      alias === "" || alias === textOf(field, "Name") ? "" : `${nameOf(field, "Alias")}: `;
    return (
      label +
      nameOf(field, "Name") +
      argumentsText(field) +
      directivesText(field) +
      selectionsText(field)
    );
  });
  return selections.length === 0 ? "" : ` { ${selections.join(" ")} }`;
}

function directivesText(node: RegoObject): string {
  const texts = listOf(node, "Directives").map(
    (each) => ` @${nameOf(each, "Name")}${argumentsText(each)}`,
  );
  return texts.join("");
}

function argumentsText(node: RegoObject): string {
  const texts = listOf(node, "Arguments").map((each) => {
    return `${nameOf(each, "Name")}: ${valueText(objectOf(each, "Value"))}`;
  });
  return texts.length === 0 ? "" : `(${texts.join(", ")})`;
}

function typeText(node: RegoObject): string {
  const element = node.get("Elem");
  const inner =
    element instanceof RegoObject ? `[${typeText(element)}]` : nameOf(node, "NamedType");
  return inner + (node.get("NonNull") === true ? "!" : "");
}

function valueText(node: RegoObject): string {
  const kind = node.get("Kind") ?? 0;
  const raw = textOf(node, "Raw");
  if (!isNumber(kind)) throw new BuiltinError("a GraphQL value has no kind");
  if (kind === 0) return `$${nameOf(node, "Raw")}`;
  if (kind === 3 || kind === 4) return JSON.stringify(raw);
  const children = listOf(node, "Children");
  if (kind === 8)
    return `[${children.map((child) => valueText(objectOf(child, "Value"))).join(", ")}]`;
  if (kind === 9) {
    return `{${children.map((child) => `${nameOf(child, "Name")}: ${valueText(objectOf(child, "Value"))}`).join(", ")}}`;
  }
  if (!/^[\w.+-]+$/.test(raw)) throw new BuiltinError("a GraphQL value is malformed");
  return raw;
}

function listOf(node: RegoObject, name: string): readonly RegoObject[] {
  const list = node.get(name) ?? null;
  if (list === null) return [];
  if (!isArray(list)) throw new BuiltinError(`${name} must be an array`);
  return list.map((item) => {
    if (!(item instanceof RegoObject)) throw new BuiltinError(`${name} must hold objects`);
    return item;
  });
}

function objectOf(node: RegoObject, name: string): RegoObject {
  const value = node.get(name);
  if (!(value instanceof RegoObject)) throw new BuiltinError(`${name} must be an object`);
  return value;
}

function namesOf(node: RegoObject, name: string): readonly string[] {
  const list: Term = node.get(name) ?? [];
  if (!isArray(list)) throw new BuiltinError(`${name} must be an array`);
  return list.map(checkedName);
}

function nameOf(node: RegoObject, name: string): string {
  return checkedName(node.get(name) ?? "");
}

function wordOf(node: RegoObject, name: string): string {
  return checkedName(node.get(name) ?? "query");
}

/** What is no name must not come into a text that is parsed again. */
function checkedName(term: Term): string {
  if (typeof term !== "string" || !/^[A-Za-z_]\w*$/.test(term))
    throw new BuiltinError("a GraphQL name is malformed");
  return term;
}

function textOf(node: RegoObject, name: string): string {
  const value = node.get(name) ?? "";
  if (typeof value !== "string") throw new BuiltinError(`${name} must be a string`);
  return value;
}
