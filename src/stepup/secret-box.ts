import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { StileError } from "../core/errors.ts";

/** Seals secrets at rest. */
export interface SecretBox {
  /**
   * @param boundTo where the secret belongs; it opens nowhere else.
   * @returns `v1.<key id>.<nonce>.<sealed>`, base64url.
   */
  seal(secret: Buffer, boundTo: string): string;
  /** @throws StileError `state_unavailable` for another key, another place, or altered text. */
  open(sealed: string, boundTo: string): Buffer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A box of AES-256-GCM. @param key 32 bytes. */
export function createSecretBox(key: Buffer): SecretBox {
  const keyId = createHash("sha256").update("stile factor key").update(key).digest("hex");
  const shortId = keyId.slice(0, 16);
  return {
    seal(secret, boundTo) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(boundTo, "utf8"));
      const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
      return `v1.${shortId}.${nonce.toString("base64url")}.${sealed.toString("base64url")}`;
    },
    open(sealed, boundTo) {
      const [version, sealedBy, nonce, bytes] = sealed.split(".");
      if (version !== "v1" || nonce === undefined || bytes === undefined) {
        throw new StileError("state_unavailable", "a sealed secret is damaged");
      }
      if (sealedBy !== shortId) {
        throw new StileError(
          "state_unavailable",
          `a secret was sealed with factor key ${sealedBy}, the one in use is ${shortId}`,
        );
      }
      try {
        return opened(
          key,
          Buffer.from(nonce, "base64url"),
          Buffer.from(bytes, "base64url"),
          boundTo,
        );
      } catch (cause) {
        throw new StileError("state_unavailable", "a sealed secret was altered or moved", {
          cause,
        });
      }
    },
  };
}

function opened(key: Buffer, nonce: Buffer, bytes: Buffer, boundTo: string): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(boundTo, "utf8"));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const secret = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES));
  return Buffer.concat([secret, decipher.final()]);
}
