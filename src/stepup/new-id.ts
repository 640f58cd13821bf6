import { randomBytes } from "node:crypto";

/** @returns 128 random bits, 22 characters of base64url: an id that nobody guesses. */
export function newId(): string {
  return randomBytes(16).toString("base64url");
}
