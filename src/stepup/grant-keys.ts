import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { StileError } from "../core/errors.ts";
import { sha256Of } from "./binding.ts";
import { makeKeyFile, makeKeyFolder, readKeyFile } from "./key-files.ts";

/** A public key as published (RFC 7517, RFC 8037). */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
}

/** The keys that grants are signed with. */
export interface GrantKeys {
  /** The newest key. */
  readonly signing: { readonly kid: string; readonly key: KeyObject };
  /** @returns the public key of that id. */
  verifying(kid: string): KeyObject | undefined;
  /** @returns the public keys, newest first. */
  jwks(): { readonly keys: readonly PublicJwk[] };
}

const KEY_NAME = /^grant-(\d{6})\.pem$/;
const FIRST_KEY_NAME = "grant-000001.pem";

/**
 * Opens the Ed25519 keys `grant-<number>.pem` of a folder, and makes the first one if there is
 * none. The highest number signs; all verify, so that a new key can be laid beside the old one.
 *
 * @throws StileError `invalid_config` for a key that cannot be read, is of another kind, or is open
 *   to others.
 */
export function openGrantKeys(folder: string): GrantKeys {
  makeKeyFolder(folder);
  if (keyNames(folder).length === 0) {
    const { privateKey } = generateKeyPairSync("ed25519");
    const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    makeKeyFile(folder, FIRST_KEY_NAME, text);
  }
  const pairs = keyNames(folder).map((name) => readPair(folder, name));
  const newest = pairs[0];
  if (newest === undefined) throw new StileError("invalid_config", `no key is in ${folder}`);
  const byKid = new Map(pairs.map((pair) => [pair.jwk.kid, pair.publicKey]));
  return {
    signing: { kid: newest.jwk.kid, key: newest.privateKey },
    verifying: (kid) => byKid.get(kid),
    jwks: () => ({ keys: pairs.map((pair) => pair.jwk) }),
  };
}

/** Newest first. */
function keyNames(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => KEY_NAME.test(name))
    .sort()
    .toReversed();
}

function readPair(folder: string, name: string) {
  const path = join(folder, name);
  const text = readKeyFile(folder, name);
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(text);
  } catch (cause) {
    throw new StileError("invalid_config", `read the key ${path}`, { cause });
  }
  const publicKey = createPublicKey(privateKey);
  const { x } = publicKey.export({ format: "jwk" });
  if (privateKey.asymmetricKeyType !== "ed25519" || x === undefined) {
    const kind = privateKey.asymmetricKeyType ?? "unknown";
    throw new StileError(
      "invalid_config",
      `the key ${path} is of kind ${kind}, expected ed25519 (PKCS #8 in PEM)`,
    );
  }
  const jwk: PublicJwk = {
    kty: "OKP",
    crv: "Ed25519",
    x,
    // The id follows from the key itself (RFC 7638, section 3; RFC 8037, appendix A.3).
    kid: sha256Of({ crv: "Ed25519", kty: "OKP", x }),
    alg: "EdDSA",
    use: "sig",
  };
  return { privateKey, publicKey, jwk };
}
