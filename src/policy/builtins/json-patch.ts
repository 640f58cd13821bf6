import { numberText } from "../rego-number.ts";
import { compareTerms, isArray, isNumber, RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { anyOperand, arrayOperand, boundedCount } from "./operands.ts";

/** JSON Patch (RFC 6902), on sets too: a member of a set is its own key. */
export const jsonPatchBuiltins: readonly (readonly [string, Builtin])[] = [
  ["json.patch", (args) => patched(anyOperand(args, 0), arrayOperand(args, 1))],
];

type Path = readonly Term[];

/** Undefined stands for a document that was removed as a whole. */
type Document = Term | undefined;

/** Steps of a patch: operations times the length of their paths and what they rebuild. */
const STEPS_MAX = 5_000_000;

function patched(source: Term, operations: readonly Term[]): Term | undefined {
  boundedCount(operations.length);
  if (operations.length * sizeOf(source) > STEPS_MAX)
    throw new BuiltinError("the patch is too long");
  let document: Document = source;
  for (const operation of operations) {
    if (!(operation instanceof RegoObject)) throw new BuiltinError("an operation is no object");
    document = applied(document, operation);
  }
  return document;
}

function sizeOf(term: Term): number {
  if (isArray(term)) return term.length + 1;
  return term instanceof RegoSet || term instanceof RegoObject ? term.size + 1 : 1;
}

function applied(document: Document, operation: RegoObject): Document {
  const path = pathOf(attribute(operation, "path"));
  switch (attribute(operation, "op")) {
    case "add":
      return inserted(document, path, attribute(operation, "value"));
    case "remove":
      return removed(document, path);
    case "replace":
      return inserted(removed(document, path), path, attribute(operation, "value"));
    case "move": {
      const from = pathOf(attribute(operation, "from"));
      return inserted(removed(document, from), path, found(document, from));
    }
    case "copy":
      return inserted(document, path, found(document, pathOf(attribute(operation, "from"))));
    case "test":
      if (compareTerms(found(document, path), attribute(operation, "value")) === 0) return document;
      throw new BuiltinError("the value tested is another");
    default:
      throw new BuiltinError("unrecognized op");
  }
}

function attribute(operation: RegoObject, name: string): Term {
  const value = operation.get(name);
  if (value === undefined) throw new BuiltinError(`missing required attribute '${name}'`);
  return value;
}

/** A pointer (RFC 6901), with or without its leading slashes, or an array of keys. */
function pathOf(path: Term): Path {
  if (isArray(path)) return path;
  if (typeof path !== "string") throw new BuiltinError("a path must be a string or an array");
  if (path === "") return [];
  const segments = path.replace(/^\/+/, "").split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function found(document: Document, path: Path): Term {
  let term = present(document);
  for (const key of path) term = childOf(term, key);
  return term;
}

function childOf(term: Term, key: Term): Term {
  let child: Term | undefined;
  if (isArray(term)) child = term[indexOf(term, key)];
  else if (term instanceof RegoObject) child = term.get(key);
  else if (term instanceof RegoSet) child = term.has(key) ? key : undefined;
  if (child === undefined) throw new BuiltinError("a path does not exist");
  return child;
}

function inserted(document: Document, path: Path, value: Term): Term {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const term = present(document);
  if (rest.length > 0) return replaced(term, key, inserted(childOf(term, key), rest, value));
  if (isArray(term)) {
    const at = indexOf(term, key);
    if (at > term.length) throw new BuiltinError("index for array insertion out of bounds");
    return term.toSpliced(at, 0, value);
  }
  if (term instanceof RegoObject) return new RegoObject([...term.entries, [key, value]]);
  if (!(term instanceof RegoSet) || compareTerms(key, value) !== 0) {
    throw new BuiltinError("a value cannot be added here");
  }
  return new RegoSet([...term.members, value]);
}

function removed(document: Document, path: Path): Document {
  const term = present(document);
  const [key, ...rest] = path;
  if (key === undefined) return undefined;
  const child = childOf(term, key);
  if (rest.length > 0) return replaced(term, key, present(removed(child, rest)));
  if (isArray(term)) return term.toSpliced(indexOf(term, key), 1);
  if (term instanceof RegoObject) {
    return new RegoObject(term.entries.filter(([name]) => compareTerms(name, key) !== 0));
  }
  return new RegoSet(membersBut(term, key));
}

function replaced(term: Term, key: Term, value: Term): Term {
  if (isArray(term)) return term.with(indexOf(term, key), value);
  if (term instanceof RegoObject) return new RegoObject([...term.entries, [key, value]]);
  return new RegoSet([...membersBut(term, key), value]);
}

function membersBut(term: Term, key: Term): readonly Term[] {
  if (!(term instanceof RegoSet)) throw new BuiltinError("a path does not exist");
  return term.members.filter((member) => compareTerms(member, key) !== 0);
}

/** A number or its digits; `-` stands for the place behind the last. */
function indexOf(array: readonly Term[], key: Term): number {
  if (key === "-") return array.length;
  const text = isNumber(key) ? numberText(key) : key;
  const valid = typeof text === "string" && /^(?:0|[1-9][0-9]{0,8})(?:\.0*)?$/.test(text);
  if (!valid) throw new BuiltinError("invalid index");
  return Number(text);
}

function present(document: Document): Term {
  if (document === undefined) throw new BuiltinError("the document was removed");
  return document;
}
