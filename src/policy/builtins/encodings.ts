import { RegoObject, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { jsonTextOf } from "./json-text.ts";
import { anyOperand, objectOperand, stringOperand } from "./operands.ts";
import { bytesOfText, textOfBytes } from "./utf8.ts";

export const encodingBuiltins: readonly (readonly [string, Builtin])[] = [
  ["base64url.encode_no_pad", (args) => bytesOfText(stringOperand(args, 0)).toString("base64url")],
  ["hex.encode", (args) => bytesOfText(stringOperand(args, 0)).toString("hex")],
  ["hex.decode", (args) => decodeHex(stringOperand(args, 0))],
  [
    "json.marshal_with_options",
    (args) => marshalWithOptions(anyOperand(args, 0), objectOperand(args, 1)),
  ],
];

function decodeHex(text: string): string {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new BuiltinError("operand 1 is not hexadecimal");
  return textOfBytes(Buffer.from(text, "hex"));
}

/** Giving a prefix or an indent asks for lines, unless `pretty` says otherwise. */
function marshalWithOptions(term: Term, options: RegoObject): string {
  let prefix = "";
  let indent = "\t";
  let pretty: boolean | undefined;
  for (const [name, value] of options.entries) {
    if (name === "prefix" && typeof value === "string") prefix = value;
    else if (name === "indent" && typeof value === "string") indent = value;
    else if (name === "pretty" && typeof value === "boolean") pretty = value;
    else throw new BuiltinError("operand 2 has an unknown key or a value of another kind");
  }
  const asked = pretty ?? (options.has("prefix") || options.has("indent"));
  return asked ? prefix + jsonTextOf(term, { prefix, indent }) : jsonTextOf(term);
}

/** Standard or URL alphabet, padding required, as Go's decoder wants it; line breaks are skipped. */
export function decodeBase64(text: string): Buffer {
  if (!isBase64(text)) throw new BuiltinError("illegal base64");
  return Buffer.from(text, "base64");
}

export function isBase64(text: string): boolean {
  const padded = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return padded.test(text.replace(/[\r\n]/g, ""));
}

/** URL alphabet; padding may be left out, as RFC 7515 appendix C wants it. */
export function decodeBase64Url(text: string): Buffer {
  // OPA counts line breaks, which its decoder then skips.
  const missing = text.endsWith("=") ? 0 : (4 - (text.length % 4)) % 4;
  const compact = (text + "=".repeat(missing)).replace(/[\r\n]/g, "");
  const padded = /^(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?$/;
  if (!padded.test(compact)) throw new BuiltinError("illegal base64url");
  return Buffer.from(compact, "base64url");
}
