import {
  buildASTSchema,
  type DefinitionNode,
  type DocumentNode,
  GraphQLError,
  GraphQLSchema,
  isExecutableDefinitionNode,
  Kind,
  parse,
  validate,
  validateSchema,
} from "graphql";
import { RegoObject, type Term, termText } from "../terms.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { queryText, schemaText } from "./graphql-from-term.ts";
import { queryTerm, schemaTerm } from "./graphql-to-term.ts";
import { anyOperand, stringOperand } from "./operands.ts";

/** GraphQL; syntax trees have the shape of OPA's parser. */
export const graphqlBuiltins: readonly (readonly [string, Builtin])[] = [
  ["graphql.parse_query", (args) => queryTerm(parseQuery(stringOperand(args, 0)))],
  ["graphql.parse_schema", (args) => schemaTerm(parseSchema(stringOperand(args, 0)))],
  ["graphql.parse", (args) => parsedAndVerified(anyOperand(args, 0), anyOperand(args, 1))],
  [
    "graphql.parse_and_verify",
    (args) => {
      const trees = attempted(() => parsedAndVerified(anyOperand(args, 0), anyOperand(args, 1)));
      return trees === undefined ? [false, new RegoObject(), new RegoObject()] : [true, ...trees];
    },
  ],
  [
    "graphql.is_valid",
    (args) =>
      attempted(() => parsedAndVerified(anyOperand(args, 0), anyOperand(args, 1))) !== undefined,
  ],
  [
    "graphql.schema_is_valid",
    (args) => attempted(() => schemaOf(schemaDocument(anyOperand(args, 0)))) !== undefined,
  ],
];

/** Longest document, in tokens; some rules compare every field with every other. */
const TOKENS_MAX = 10_000;

const schemas = new BoundedCache<{ readonly schema: GraphQLSchema; readonly tree: Term }>(16);

function parsedAndVerified(query: Term, schema: Term): readonly [Term, Term] {
  const document = queryDocument(query);
  const known = schemas.get(termText(schema), () => {
    const definition = schemaDocument(schema);
    return { schema: schemaOf(definition), tree: schemaTerm(definition) };
  });
  checkQuery(known.schema, document);
  return [queryTerm(document), known.tree];
}

/** OPA takes integers of any size for an Int, and no operation that the schema has no type for. */
function checkQuery(schema: GraphQLSchema, document: DocumentNode): void {
  for (const node of document.definitions) {
    if (node.kind === Kind.OPERATION_DEFINITION && schema.getRootType(node.operation) == null) {
      throw new BuiltinError(`the schema does not support ${node.operation}`);
    }
  }
  const error = validate(schema, document, undefined, { maxErrors: 100 }).find(({ message }) => {
    return !message.startsWith("Int cannot represent non 32-bit signed integer value");
  });
  if (error !== undefined) throw new BuiltinError(error.message, { cause: error });
}

function queryDocument(query: Term): DocumentNode {
  if (query instanceof RegoObject) return parseQuery(queryText(query));
  if (typeof query !== "string") throw new BuiltinError("a query must be a string or an object");
  return parseQuery(query);
}

function schemaDocument(schema: Term): DocumentNode {
  if (schema instanceof RegoObject) return parseSchema(schemaText(schema));
  if (typeof schema !== "string") throw new BuiltinError("a schema must be a string or an object");
  return parseSchema(schema);
}

function parseQuery(text: string): DocumentNode {
  const document = parseText(text);
  if (!document.definitions.every(isExecutableDefinitionNode))
    throw new BuiltinError("unexpected definition in a query");
  return document;
}

function parseSchema(text: string): DocumentNode {
  const document = parseText(text);
  if (document.definitions.some(isExecutableDefinitionNode))
    throw new BuiltinError("unexpected operation in a schema");
  return document;
}

function parseText(text: string): DocumentNode {
  // OPA takes the empty document, which the library does not.
  if (/^\ufeff?(?:[\s,]|#[^\n\r]*)*$/.test(text)) return { kind: Kind.DOCUMENT, definitions: [] };
  try {
    return parse(text, { maxTokens: TOKENS_MAX, allowLegacyFragmentVariables: true });
  } catch (cause) {
    if (cause instanceof GraphQLError) throw new BuiltinError(cause.message, { cause });
    throw cause;
  }
}

function checkDirectives(document: DocumentNode): void {
  for (const node of document.definitions) {
    if (node.kind !== Kind.DIRECTIVE_DEFINITION) continue;
    const used = node.arguments?.flatMap((argument) => argument.directives ?? []) ?? [];
    if (used.some(({ name }) => name.value === node.name.value)) {
      throw new BuiltinError(`directive ${node.name.value} cannot refer to itself`);
    }
  }
}

/** @throws BuiltinError when the schema is not valid. A schema without a query type is. */
function schemaOf(document: DocumentNode): GraphQLSchema {
  checkDirectives(document);
  try {
    const schema = buildASTSchema(withBases(document));
    const error = validateSchema(schema).find(
      ({ message }) => message !== "Query root type must be provided.",
    );
    if (error !== undefined) throw error;
    return new GraphQLSchema({ ...schema.toConfig(), assumeValid: true });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : "invalid schema";
    throw new BuiltinError(message, { cause });
  }
}

/** OPA lets a type be extended that is not defined: the first extension defines it. */
function withBases(document: DocumentNode): DocumentNode {
  const defined = new Set(
    document.definitions.flatMap((node) =>
      "name" in node && !node.kind.endsWith("Extension") ? [node.name?.value] : [],
    ),
  );
  const definitions = document.definitions.map((node): DefinitionNode => {
    if (!("name" in node) || node.name === undefined || defined.has(node.name.value)) return node;
    defined.add(node.name.value);
    return asDefinition(node);
  });
  return { ...document, definitions };
}

function asDefinition(node: DefinitionNode): DefinitionNode {
  switch (node.kind) {
    case Kind.SCALAR_TYPE_EXTENSION:
      return { ...node, kind: Kind.SCALAR_TYPE_DEFINITION };
    case Kind.OBJECT_TYPE_EXTENSION:
      return { ...node, kind: Kind.OBJECT_TYPE_DEFINITION };
    case Kind.INTERFACE_TYPE_EXTENSION:
      return { ...node, kind: Kind.INTERFACE_TYPE_DEFINITION };
    case Kind.UNION_TYPE_EXTENSION:
      return { ...node, kind: Kind.UNION_TYPE_DEFINITION };
    case Kind.ENUM_TYPE_EXTENSION:
      return { ...node, kind: Kind.ENUM_TYPE_DEFINITION };
    case Kind.INPUT_OBJECT_TYPE_EXTENSION:
      return { ...node, kind: Kind.INPUT_OBJECT_TYPE_DEFINITION };
    default:
      return node;
  }
}

function attempted<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof BuiltinError) return undefined;
    throw error;
  }
}
