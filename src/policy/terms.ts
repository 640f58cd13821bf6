/** The values of Rego: what they are, how they compare, how they are read and written. */
export { ExactNumber, type RegoNumber } from "./rego-number.ts";
export {
  compareStrings,
  compareTerms,
  isArray,
  isNumber,
  RegoObject,
  RegoSet,
  type Term,
  termKind,
} from "./term-model.ts";
export {
  parseJsonTerm,
  parseTerm,
  TermSyntaxError,
  termText,
  wellFormed,
} from "./term-text.ts";
