import { StileError } from "../core/errors.ts";
import type { StateChange } from "../core/store.ts";

/** Longest key, in bytes of UTF-8. LMDB takes 1,978; longer names are hashed by who makes them. */
export const KEY_BYTES_MAX = 1024;
/** Longest value, in bytes of UTF-8. */
export const VALUE_BYTES_MAX = 256 * 1024;

/**
 * @returns the key's bytes, whose order is the order of keys.
 * @throws StileError `invalid_request` for an empty or too long key, and for half a surrogate pair,
 *   which has no UTF-8 form: two such keys would become one.
 */
export function keyBytesOf(key: string): Buffer {
  const bytes = Buffer.from(key, "utf8");
  if (bytes.length === 0 || bytes.length > KEY_BYTES_MAX) {
    throw new StileError(
      "invalid_request",
      `a state key has ${bytes.length} bytes, expected 1 to ${KEY_BYTES_MAX}`,
    );
  }
  if (/\p{Surrogate}/u.test(key)) {
    throw new StileError("invalid_request", "a state key holds half a surrogate pair");
  }
  return bytes;
}

/** @throws StileError `invalid_request` for a bad version or expiry, and for too long a value. */
export function checkChange(change: StateChange): void {
  if (!Number.isSafeInteger(change.version) || change.version < 0) {
    throw new StileError(
      "invalid_request",
      `a state version is ${change.version}, expected a whole number from 0`,
    );
  }
  if (change.expiresAtMs !== null && !Number.isFinite(change.expiresAtMs)) {
    throw new StileError("invalid_request", `a state expiry is ${change.expiresAtMs}`);
  }
  const valueBytes = change.value === null ? 0 : Buffer.byteLength(change.value, "utf8");
  if (valueBytes > VALUE_BYTES_MAX) {
    throw new StileError(
      "invalid_request",
      `a state value has ${valueBytes} bytes, expected at most ${VALUE_BYTES_MAX}`,
    );
  }
}

/** @throws StileError `invalid_request` for a limit below 1. */
export function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new StileError("invalid_request", `a list limit is ${limit}, expected 1 or more`);
  }
}
