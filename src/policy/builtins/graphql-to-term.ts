import {
  type ArgumentNode,
  type ASTNode,
  type DefinitionNode,
  type DocumentNode,
  type EnumValueDefinitionNode,
  type FieldDefinitionNode,
  type FragmentDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type StringValueNode,
  type Token,
  TokenKind,
  type TypeNode,
  type ValueNode,
  type VariableDefinitionNode,
} from "graphql";
import { RegoObject, type Term } from "../terms.ts";

/**
 * Syntax trees in the shape of OPA's GraphQL parser (gqlparser), without positions, empty lists and
 * empty objects.
 */
export function queryTerm(document: DocumentNode): Term {
  return object({
    Operations: document.definitions.filter(isKind(Kind.OPERATION_DEFINITION)).map(operation),
    Fragments: document.definitions.filter(isKind(Kind.FRAGMENT_DEFINITION)).map(fragment),
    Comment: commentBefore(document.loc?.endToken),
  });
}

export function schemaTerm(document: DocumentNode): Term {
  const { definitions } = document;
  return object({
    Schema: definitions.filter(isKind(Kind.SCHEMA_DEFINITION)).map(schemaDefinition),
    SchemaExtension: definitions.filter(isKind(Kind.SCHEMA_EXTENSION)).map(schemaDefinition),
    Directives: definitions.filter(isKind(Kind.DIRECTIVE_DEFINITION)).map((node) =>
      object({
        ...described(node),
        Name: node.name.value,
        Arguments: node.arguments?.map(inputValue),
        Locations: node.locations.map(({ value }) => value),
        IsRepeatable: node.repeatable,
      }),
    ),
    Definitions: definitions.flatMap((node) => typeDefinition(node, DEFINITION_KINDS)),
    Extensions: definitions.flatMap((node) => typeDefinition(node, EXTENSION_KINDS)),
    Comment: commentBefore(document.loc?.endToken),
  });
}

function isKind<K extends DefinitionNode["kind"]>(kind: K) {
  return (node: DefinitionNode): node is Extract<DefinitionNode, { kind: K }> => node.kind === kind;
}

/** Leaves out what is missing or empty. */
function object(fields: Readonly<Record<string, Term | undefined>>): Term {
  const entries: [string, Term][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    if (value instanceof RegoObject && value.size === 0) continue;
    entries.push([name, value]);
  }
  return new RegoObject(entries);
}

function operation(node: OperationDefinitionNode): Term {
  return object({
    Operation: node.operation,
    Name: node.name?.value ?? "",
    VariableDefinitions: node.variableDefinitions?.map(variable),
    Directives: directives(node),
    SelectionSet: node.selectionSet.selections.map(selection),
    // gqlparser drops the comment before a query without the word.
    Comment:
      node.loc?.startToken.kind === TokenKind.BRACE_L
        ? undefined
        : commentBefore(node.loc?.startToken),
  });
}

function fragment(node: FragmentDefinitionNode): Term {
  return object({
    Name: node.name.value,
    VariableDefinition: node.variableDefinitions?.map(variable),
    TypeCondition: node.typeCondition.name.value,
    Directives: directives(node),
    SelectionSet: node.selectionSet.selections.map(selection),
    Comment: commentBefore(node.loc?.startToken),
  });
}

function variable(node: VariableDefinitionNode): Term {
  return object({
    Variable: node.variable.name.value,
    Type: typeTerm(node.type),
    DefaultValue: node.defaultValue === undefined ? undefined : valueTerm(node.defaultValue),
    Directives: directives(node),
    Used: false,
    Comment: commentBefore(node.loc?.startToken),
  });
}

function selection(node: SelectionNode): Term {
  const comment = commentBefore(node.loc?.startToken);
  switch (node.kind) {
    case Kind.FIELD:
      return object({
        Alias: node.alias?.value ?? node.name.value,
        Name: node.name.value,
        Arguments: node.arguments?.map(argument),
        Directives: directives(node),
        SelectionSet: node.selectionSet?.selections.map(selection),
        Comment: comment,
      });
    case Kind.FRAGMENT_SPREAD:
      return object({ Name: node.name.value, Directives: directives(node), Comment: comment });
    default:
      return object({
        TypeCondition: node.typeCondition?.name.value ?? "",
        Directives: directives(node),
        SelectionSet: node.selectionSet.selections.map(selection),
        Comment: comment,
      });
  }
}

function directives(node: {
  readonly directives?:
    | readonly {
        readonly name: { readonly value: string };
        readonly arguments?: readonly ArgumentNode[] | undefined;
      }[]
    | undefined;
}): Term[] | undefined {
  return node.directives?.map((directive) =>
    object({
      Name: directive.name.value,
      Arguments: directive.arguments?.map(argument),
      Location: "",
    }),
  );
}

function argument(node: ArgumentNode): Term {
  return object({
    Name: node.name.value,
    Value: valueTerm(node.value),
    Comment: commentBefore(node.loc?.startToken),
  });
}

/** The numbers of gqlparser's kinds of values, in order. */
const VALUE_KINDS: readonly string[] = [
  Kind.VARIABLE,
  Kind.INT,
  Kind.FLOAT,
  Kind.STRING,
  "BlockString",
  Kind.BOOLEAN,
  Kind.NULL,
  Kind.ENUM,
  Kind.LIST,
  Kind.OBJECT,
];

function valueTerm(node: ValueNode): Term {
  const isBlock = node.kind === Kind.STRING && node.block === true;
  return object({
    Raw: rawText(node),
    Children: childValues(node),
    Kind: VALUE_KINDS.indexOf(isBlock ? "BlockString" : node.kind),
    ExpectedTypeHasDefault: false,
    Comment: commentBefore(node.loc?.startToken),
  });
}

function rawText(node: ValueNode): string {
  switch (node.kind) {
    case Kind.VARIABLE:
      return node.name.value;
    case Kind.STRING:
      return stringText(node);
    case Kind.BOOLEAN:
      return String(node.value);
    case Kind.NULL:
      return "null";
    case Kind.LIST:
    case Kind.OBJECT:
      return "";
    default:
      return node.value;
  }
}

function childValues(node: ValueNode): Term[] | undefined {
  if (node.kind === Kind.LIST) {
    return node.values.map((value) => object({ Name: "", Value: valueTerm(value) }));
  }
  if (node.kind !== Kind.OBJECT) return undefined;
  return node.fields.map(({ name, value, loc }) =>
    object({ Name: name.value, Value: valueTerm(value), Comment: commentBefore(loc?.startToken) }),
  );
}

/** gqlparser counts the first line too when it takes the indent off a block string. */
function stringText(node: StringValueNode): string {
  if (node.block !== true || node.loc === undefined) return node.value;
  const { source, start, end } = node.loc;
  const lines = source.body
    .slice(start + 3, end - 3)
    .replaceAll('\\"""', '"""')
    .split(/\r\n|[\n\r]/);
  const indents = lines.filter((line) => /[^ \t]/.test(line)).map((line) => line.search(/[^ \t]/));
  const indent = Math.min(...indents, Number.MAX_SAFE_INTEGER);
  const shifted = lines.map((line, at) => (at === 0 ? line : line.slice(indent)));
  const isBlank = (line: string | undefined): boolean => line !== undefined && !/[^ \t]/.test(line);
  while (isBlank(shifted[0])) shifted.shift();
  while (isBlank(shifted.at(-1))) shifted.pop();
  return shifted.join("\n");
}

function typeTerm(node: TypeNode): Term {
  const nonNull = node.kind === Kind.NON_NULL_TYPE;
  const inner = nonNull ? node.type : node;
  if (inner.kind === Kind.LIST_TYPE) {
    return object({ NamedType: "", Elem: typeTerm(inner.type), NonNull: nonNull });
  }
  return object({ NamedType: inner.name.value, NonNull: nonNull });
}

function schemaDefinition(
  node: Extract<DefinitionNode, { kind: Kind.SCHEMA_DEFINITION | Kind.SCHEMA_EXTENSION }>,
): Term {
  return object({
    ...described(node),
    Directives: directives(node),
    OperationTypes: node.operationTypes?.map((type) =>
      object({
        Operation: type.operation,
        Type: type.type.name.value,
        Comment: commentBefore(type.loc?.startToken),
      }),
    ),
    EndOfDefinitionComment: commentAtEnd(node),
  });
}

const DEFINITION_KINDS: Readonly<Record<string, string>> = {
  [Kind.SCALAR_TYPE_DEFINITION]: "SCALAR",
  [Kind.OBJECT_TYPE_DEFINITION]: "OBJECT",
  [Kind.INTERFACE_TYPE_DEFINITION]: "INTERFACE",
  [Kind.UNION_TYPE_DEFINITION]: "UNION",
  [Kind.ENUM_TYPE_DEFINITION]: "ENUM",
  [Kind.INPUT_OBJECT_TYPE_DEFINITION]: "INPUT_OBJECT",
};

const EXTENSION_KINDS: Readonly<Record<string, string>> = {
  [Kind.SCALAR_TYPE_EXTENSION]: "SCALAR",
  [Kind.OBJECT_TYPE_EXTENSION]: "OBJECT",
  [Kind.INTERFACE_TYPE_EXTENSION]: "INTERFACE",
  [Kind.UNION_TYPE_EXTENSION]: "UNION",
  [Kind.ENUM_TYPE_EXTENSION]: "ENUM",
  [Kind.INPUT_OBJECT_TYPE_EXTENSION]: "INPUT_OBJECT",
};

function typeDefinition(node: DefinitionNode, kinds: Readonly<Record<string, string>>): Term[] {
  const kind = kinds[node.kind];
  if (kind === undefined || !("name" in node) || node.name === undefined) return [];
  const interfaces =
    "interfaces" in node ? node.interfaces?.map(({ name }) => name.value) : undefined;
  return [
    object({
      Kind: kind,
      ...described(node),
      Name: node.name.value,
      Directives: directives(node),
      Interfaces: interfaces,
      Fields: "fields" in node ? node.fields?.map(fieldDefinition) : undefined,
      Types: "types" in node ? node.types?.map(({ name }) => name.value) : undefined,
      EnumValues: "values" in node ? node.values?.map(enumValue) : undefined,
      BuiltIn: false,
      EndOfDefinitionComment: commentAtEnd(node),
    }),
  ];
}

function fieldDefinition(node: FieldDefinitionNode | InputValueDefinitionNode): Term {
  if (node.kind === Kind.INPUT_VALUE_DEFINITION) return inputValue(node);
  return object({
    ...described(node),
    Name: node.name.value,
    Arguments: node.arguments?.map(inputValue),
    Type: typeTerm(node.type),
    Directives: directives(node),
  });
}

function inputValue(node: InputValueDefinitionNode): Term {
  return object({
    ...described(node),
    Name: node.name.value,
    DefaultValue: node.defaultValue === undefined ? undefined : valueTerm(node.defaultValue),
    Type: typeTerm(node.type),
    Directives: directives(node),
  });
}

function enumValue(node: EnumValueDefinitionNode): Term {
  return object({ ...described(node), Name: node.name.value, Directives: directives(node) });
}

/** The description, and the comments before and after it. */
function described(
  node: ASTNode & { readonly description?: StringValueNode | undefined },
): Record<string, Term | undefined> {
  const { description } = node;
  const before = commentBefore(node.loc?.startToken);
  if (description === undefined) return { Description: "", AfterDescriptionComment: before };
  return {
    Description: stringText(description),
    BeforeDescriptionComment: before,
    AfterDescriptionComment: commentBefore(nextToken(description.loc?.endToken)),
  };
}

function nextToken(token: Token | undefined): Token | undefined {
  let next = token?.next;
  while (next?.kind === TokenKind.COMMENT) next = next.next;
  return next ?? undefined;
}

function commentAtEnd(node: ASTNode): Term | undefined {
  const end = node.loc?.endToken;
  return end?.kind === TokenKind.BRACE_R ? commentBefore(end) : undefined;
}

function commentBefore(token: Token | undefined): Term | undefined {
  const list: Term[] = [];
  for (let before = token?.prev; before?.kind === TokenKind.COMMENT; before = before.prev) {
    list.unshift(new RegoObject([["Value", `#${before.value}`]]));
  }
  return list.length === 0 ? undefined : new RegoObject([["List", list]]);
}
