import { isAlias, isMap, isScalar, isSeq, type Pair, parseAllDocuments, type Scalar } from "yaml";
import { numberText } from "../rego-number.ts";
import { isArray, isNumber, RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { MEMBERS_MAX, TEXT_UNITS_MAX } from "./operands.ts";
import { notFinite, plainScalar, UNREADABLE } from "./yaml-scalar.ts";

/**
 * Reads the first document of a YAML text, all of which must be well-formed.
 *
 * @throws BuiltinError
 */
export function termOfYaml(text: string): Term {
  if (text.length > TEXT_UNITS_MAX) throw new BuiltinError("the YAML text is too long");
  if (UNREADABLE.test(text)) throw new BuiltinError("control characters are not allowed");
  // OPA's reader knows version 1.1 alone by name, and reads as in 1.2 all the same.
  if (/^%YAML (?!1\.1\b)/m.test(text)) throw new BuiltinError("incompatible YAML document");
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    uniqueKeys: false,
    logLevel: "silent",
    version: "1.2",
    strict: true,
  });
  if (!Array.isArray(documents)) return null;
  const broken = documents.find(({ errors }) => errors.length > 0);
  if (broken !== undefined) throw new BuiltinError("invalid YAML", { cause: broken.errors[0] });
  const [first] = documents;
  return first === undefined ? null : new YamlReader().read(first.contents);
}

/** Turns nodes into terms; aliases are followed, so the count of nodes is bounded. */
class YamlReader {
  readonly #anchors = new Map<string, unknown>();
  #nodeCount = 0;
  #depth = 0;

  read(node: unknown): Term {
    if (++this.#nodeCount > MEMBERS_MAX) throw new BuiltinError("the YAML document is too large");
    if (++this.#depth > 1_000) throw new BuiltinError("the YAML document is nested too deeply");
    const term = this.#read(node);
    this.#depth--;
    return term;
  }

  #read(node: unknown): Term {
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.read(this.#target(node.source));
    if (isScalar(node)) {
      this.#keep(node.anchor, node);
      return this.#scalar(node);
    }
    if (isSeq(node)) {
      this.#keep(node.anchor, node);
      return node.items.map((item) => this.read(item));
    }
    if (!isMap(node)) throw new BuiltinError("unexpected YAML node");
    this.#keep(node.anchor, node);
    return new RegoObject(this.#entries(node.items));
  }

  #keep(anchor: string | undefined, node: unknown): void {
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }

  #target(name: string): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new BuiltinError(`unknown anchor ${name}`);
    return target;
  }

  #scalar(node: Scalar): Term {
    const source = typeof node.value === "string" ? node.value : (node.source ?? "");
    const tag = node.tag;
    if (tag === "tag:yaml.org,2002:str" || tag?.startsWith("!") === true) return source;
    if (tag === "tag:yaml.org,2002:binary") return Buffer.from(source, "base64").toString("utf8");
    const value = node.type === "PLAIN" || tag !== undefined ? plainScalar(source) : source;
    if (value === notFinite) throw new BuiltinError("a YAML number is not finite");
    if (tag === "tag:yaml.org,2002:int" || tag === "tag:yaml.org,2002:float") {
      if (!isNumber(value)) throw new BuiltinError(`cannot decode as ${tag}`);
    }
    return value;
  }

  /** What is merged in (`<<`) comes first, so that the map's own keys win. */
  #entries(pairs: readonly Pair[]): [string, Term][] {
    const merged: [string, Term][] = [];
    const own: [string, Term][] = [];
    for (const { key, value } of pairs) {
      if (isScalar(key) && key.type === "PLAIN" && key.value === "<<")
        merged.unshift(...this.#mergedFrom(value));
      else own.push([keyText(this.read(key)), this.read(value)]);
    }
    return [...merged, ...own];
  }

  #mergedFrom(value: unknown): [string, Term][] {
    const source = this.read(value);
    const maps = isArray(source) ? source.toReversed() : [source];
    return maps.flatMap((map) => {
      if (!(map instanceof RegoObject))
        throw new BuiltinError("map merge requires map or sequence of maps as the value");
      return map.entries.map(([name, item]): [string, Term] => [keyText(name), item]);
    });
  }
}

/** Keys become strings where JSON has a text for them. */
function keyText(key: Term): string {
  if (typeof key === "string") return key;
  if (typeof key === "boolean") return String(key);
  if (isNumber(key)) return numberText(key);
  throw new BuiltinError("unsupported YAML map key");
}
