import { createPublicKey, type KeyObject } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { asError, StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { openGrantKeys } from "../stepup/grant-keys.ts";

const FETCH_MS_MAX = 10_000;

/**
 * Reads the public keys of checkpoints.
 *
 * @param from a JWKS file, its URL, or the key folder of a data directory.
 * @throws StileError `invalid_config`
 */
export async function readCheckpointKeys(from: string): Promise<ReadonlyMap<string, KeyObject>> {
  try {
    const jwks = await readJwks(from);
    const keys = new Map<string, KeyObject>();
    const listed: unknown = jwks["keys"];
    for (const jwk of Array.isArray(listed) ? listed : []) {
      if (!isJsonObject(jwk) || jwk["crv"] !== "Ed25519") continue;
      const { kid, x } = jwk;
      if (typeof kid !== "string" || typeof x !== "string") continue;
      keys.set(kid, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
    }
    if (keys.size === 0) throw new Error("it holds no Ed25519 key");
    return keys;
  } catch (thrown) {
    throw new StileError("invalid_config", `read the keys ${from}`, { cause: asError(thrown) });
  }
}

/** @returns whether the folder holds keys of grants. */
export function hasKeys(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => /^grant-\d{6}\.pem$/.test(name));
  } catch {
    return false;
  }
}

async function readJwks(from: string): Promise<JsonObject> {
  if (/^https?:\/\//.test(from)) {
    const response = await fetch(from, { signal: AbortSignal.timeout(FETCH_MS_MAX) });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return objectOf(await response.json());
  }
  if (!statSync(from).isDirectory()) return objectOf(JSON.parse(readFileSync(from, "utf8")));
  if (hasKeys(from))
    return {
      keys: openGrantKeys(from)
        .jwks()
        .keys.map((key) => ({ ...key })),
    };
  throw new Error(`there is no ${join(from, "grant-<number>.pem")}`);
}

function objectOf(value: unknown): JsonObject {
  if (isJsonObject(value)) return value;
  throw new Error("it is no JSON object");
}
