import { StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";

/**
 * Reads JSON text that this room stored.
 *
 * @throws StileError `state_unavailable` when it is not what was stored.
 */
export function readStored(what: string, text: string): StoredFields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new StileError("state_unavailable", `${what} is damaged`, { cause });
  }
  if (!isJsonObject(parsed)) throw new StileError("state_unavailable", `${what} is damaged`);
  return new StoredFields(what, parsed);
}

/** The members of a stored object, each read as what it must be. */
export class StoredFields {
  readonly #what: string;
  readonly #object: JsonObject;

  constructor(what: string, object: JsonObject) {
    this.#what = what;
    this.#object = object;
  }

  text(name: string): string {
    const value = this.#object[name];
    return typeof value === "string" ? value : this.#damaged(name);
  }

  /** One of the words given. */
  word<Word extends string>(name: string, words: readonly Word[]): Word {
    const value = this.#object[name];
    return words.find((word) => word === value) ?? this.#damaged(name);
  }

  number(name: string): number {
    const value = this.#object[name];
    return typeof value === "number" ? value : this.#damaged(name);
  }

  truth(name: string): boolean {
    const value = this.#object[name];
    return typeof value === "boolean" ? value : this.#damaged(name);
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((item) => (typeof item === "string" ? item : this.#damaged(name)));
  }

  /** A list of the words given. */
  words<Word extends string>(name: string, words: readonly Word[]): readonly Word[] {
    return this.#list(name).map(
      (item) => words.find((word) => word === item) ?? this.#damaged(name),
    );
  }

  object(name: string): JsonObject {
    return this.optionalObject(name) ?? this.#damaged(name);
  }

  optionalObject(name: string): JsonObject | undefined {
    const value = this.#object[name];
    if (value === undefined || value === null) return undefined;
    return isJsonObject(value) ? value : this.#damaged(name);
  }

  fields(name: string): StoredFields {
    return new StoredFields(`${this.#what}.${name}`, this.object(name));
  }

  list(name: string): readonly StoredFields[] {
    return this.#list(name).map((item) =>
      isJsonObject(item) ? new StoredFields(`${this.#what}.${name}`, item) : this.#damaged(name),
    );
  }

  #list(name: string): readonly JsonValue[] {
    const value = this.#object[name];
    return isList(value) ? value : this.#damaged(name);
  }

  #damaged(name: string): never {
    throw new StileError("state_unavailable", `${this.#what} is damaged at ${name}`);
  }
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
