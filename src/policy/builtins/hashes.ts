import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Builtin } from "./builtin.ts";
import { stringOperand } from "./operands.ts";
import { bytesOfText } from "./utf8.ts";

export const hashBuiltins: readonly (readonly [string, Builtin])[] = [
  ["crypto.md5", hash("md5")],
  ["crypto.sha1", hash("sha1")],
  ["crypto.sha256", hash("sha256")],
  ["crypto.hmac.md5", hmac("md5")],
  ["crypto.hmac.sha1", hmac("sha1")],
  ["crypto.hmac.sha256", hmac("sha256")],
  ["crypto.hmac.sha512", hmac("sha512")],
  ["crypto.hmac.equal", (args) => sameBytes(stringOperand(args, 0), stringOperand(args, 1))],
];

function hash(algorithm: string): Builtin {
  return (args) =>
    createHash(algorithm)
      .update(bytesOfText(stringOperand(args, 0)))
      .digest("hex");
}

function hmac(algorithm: string): Builtin {
  return (args) => {
    const key = bytesOfText(stringOperand(args, 1));
    return createHmac(algorithm, key)
      .update(bytesOfText(stringOperand(args, 0)))
      .digest("hex");
  };
}

function sameBytes(a: string, b: string): boolean {
  const left = bytesOfText(a);
  const right = bytesOfText(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
