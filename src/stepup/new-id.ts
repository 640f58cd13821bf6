import { randomBytes } from "node:crypto";

/**
 * @returns 22 characters of base64url, nearly 128 random bits: an id that nobody guesses. It does
 *   not begin with `-`, which a command line would take for an option.
 */
export function newId(): string {
  const id = randomBytes(16).toString("base64url");
  return id.startsWith("-") ? newId() : id;
}
