import { isArray, RegoObject, type Term } from "../terms.ts";
import { SchemaError } from "./json-schema-model.ts";

/** Parts of a schema document that are found by a reference: by `$id`, and by JSON pointer. */
export class SchemaReferences {
  readonly #byId = new Map<string, Term>();
  readonly #baseOf = new Map<Term, string>();

  /** @throws SchemaError when two parts have one identifier. */
  constructor(document: Term) {
    this.#byId.set("", document);
    this.#collect(document, "", true);
  }

  /** @returns the reference in full, and what it points at. */
  resolve(reference: string, from: Term): { readonly key: string; readonly node: Term } {
    const full = resolved(this.#baseOf.get(from) ?? "", reference);
    const known = this.#byId.get(full);
    if (known !== undefined) return { key: full, node: known };
    const [address = "", fragment = ""] = full.split("#");
    const document = this.#byId.get(address);
    if (document === undefined) throw new SchemaError(`Reference ${full} must be canonical`);
    return { key: full, node: pointedAt(document, fragment) };
  }

  #collect(node: Term, base: string, isSchema: boolean): void {
    if (isArray(node)) {
      for (const item of node) this.#collect(item, base, isSchema);
      return;
    }
    if (!(node instanceof RegoObject)) return;
    const id = isSchema ? (node.get("id") ?? node.get("$id")) : undefined;
    let inner = base;
    if (typeof id === "string") {
      inner = resolved(base, id);
      if (inner !== "" && this.#byId.has(inner)) {
        throw new SchemaError(`Reference already exists: "${inner}"`);
      }
      this.#byId.set(inner, node);
    }
    this.#baseOf.set(node, inner.split("#")[0] ?? "");
    for (const [key, value] of node.entries) {
      if (key === "const" || key === "enum") continue;
      const named = key === "properties" || key === "dependencies" || key === "patternProperties";
      if (named && value instanceof RegoObject) {
        for (const [, child] of value.entries) this.#collect(child, inner, true);
      } else this.#collect(value, inner, true);
    }
  }
}

/** Relative to an address (RFC 3986), which may be no more than a path. */
function resolved(base: string, reference: string): string {
  const plain = reference.replace(/#$/, "");
  if (plain === "") return base;
  if (plain.startsWith("#")) return (base.split("#")[0] ?? "") + plain;
  if (URL.canParse(plain)) return new URL(plain).href.replace(/#$/, "");
  if (URL.canParse(plain, base)) return new URL(plain, base).href;
  return base.includes("/") && !plain.startsWith("/") ? base.replace(/[^/]*$/, plain) : plain;
}

/** @see RFC 6901, section 6, for pointers in fragments. */
function pointedAt(document: Term, fragment: string): Term {
  let node = document;
  if (fragment === "") return node;
  if (!fragment.startsWith("/"))
    throw new SchemaError("Invalid JSON pointer, must be empty or start with a '/'");
  for (const escaped of fragment.slice(1).split("/")) {
    const token = percentless(escaped).replaceAll("~1", "/").replaceAll("~0", "~");
    node = childOf(node, token);
  }
  return node;
}

function percentless(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function childOf(node: Term, token: string): Term {
  if (node instanceof RegoObject) {
    const child = node.get(token);
    if (child === undefined) throw new SchemaError(`Object has no key '${token}'`);
    return child;
  }
  const child = isArray(node) && /^[0-9]+$/.test(token) ? node[Number(token)] : undefined;
  if (child === undefined) throw new SchemaError(`Invalid token reference '${token}'`);
  return child;
}
