import { isArray, RegoObject, type Term, termText } from "../terms.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { type Schema, SchemaError } from "./json-schema-model.ts";
import { readSchema } from "./json-schema-read.ts";
import { violationsOf } from "./json-schema-validate.ts";
import { jsonTermOf, termOfJson } from "./json-text.ts";
import { anyOperand } from "./operands.ts";

/** JSON Schema, drafts 4, 6 and 7, with OPA's words for what is wrong. */
export const jsonSchemaBuiltins: readonly (readonly [string, Builtin])[] = [
  ["json.verify_schema", (args) => verifySchema(anyOperand(args, 0))],
  ["json.match_schema", (args) => matchSchema(anyOperand(args, 0), anyOperand(args, 1))],
];

const schemas = new BoundedCache<Schema>(32);

function verifySchema(term: Term): Term {
  try {
    readSchema(documentOf(term));
    return [true, null];
  } catch (error) {
    if (error instanceof SchemaError || error instanceof WrongDocument) {
      return [false, `jsonschema: ${error.message}`];
    }
    throw error;
  }
}

function matchSchema(documentTerm: Term, schemaTerm: Term): Term {
  const document = documentOf(documentTerm);
  const schema = schemas.get(termText(schemaTerm), () => {
    try {
      return readSchema(documentOf(schemaTerm));
    } catch (error) {
      if (error instanceof SchemaError) throw new BuiltinError(error.message, { cause: error });
      throw error;
    }
  });
  const violations = violationsOf(schema, document).map(({ type, field, description }) => {
    return new RegoObject([
      ["error", `${field}: ${description}`],
      ["type", type],
      ["field", field],
      ["desc", description],
    ]);
  });
  return [violations.length === 0, violations];
}

/** The operand is no document. */
class WrongDocument extends BuiltinError {}

/** An object or array, or JSON text. */
function documentOf(term: Term): Term {
  if (term instanceof RegoObject || isArray(term)) return jsonTermOf(term);
  if (typeof term !== "string") throw new WrongDocument("wrong type, expected string or object");
  try {
    return termOfJson(term);
  } catch (cause) {
    throw new WrongDocument("invalid JSON string", { cause });
  }
}
