import { createHash } from "node:crypto";
import { numberFromBigInt } from "../rego-number.ts";
import { RegoObject, type Term, termText } from "../terms.ts";
import type { Builtin } from "./builtin.ts";
import { anyOperand, smallIntegerOperand, stringOperand } from "./operands.ts";

/** Random values are drawn from the seed and the key alone, so that a decision replays. */
export const randomBuiltins: readonly (readonly [string, Builtin])[] = [
  ["uuid.rfc4122", (args, env) => uuidOf(drawn(env.seed, "uuid", termText(anyOperand(args, 0))))],
  ["uuid.parse", (args) => parseUuid(stringOperand(args, 0))],
  [
    "rand.intn",
    (args, env) => {
      const key = stringOperand(args, 0);
      const bound = Math.abs(smallIntegerOperand(args, 1));
      if (bound === 0) return 0;
      const bytes = drawn(env.seed, "intn", `${key}-${bound}`);
      // 128 bits against a bound of at most 53: the bias is beyond notice.
      return Number(BigInt(`0x${bytes.toString("hex")}`) % BigInt(bound));
    },
  ],
];

/** @returns 16 bytes. */
function drawn(seed: string, purpose: string, key: string): Buffer {
  const hash = createHash("sha256").update(JSON.stringify([seed, purpose, key]));
  return hash.digest().subarray(0, 16);
}

/** @see RFC 4122, section 4.4. */
function uuidOf(bytes: Buffer): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const FORMS = [
  /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i,
  /^urn:uuid:([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i,
  // OPA's reader takes any first and last character here.
  /^[^]([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})[^]$/i,
  /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i,
];
/** From 1582-10-15 to 1970-01-01, in 100 ns. */
const GREGORIAN_TICKS = 122_192_928_000_000_000n;
const DOMAINS = ["Person", "Group", "Org"];

function parseUuid(text: string): Term | undefined {
  const match = FORMS.map((form) => form.exec(text)).find((found) => found !== null);
  if (match === undefined || match === null) return undefined;
  const bytes = Buffer.from(match.slice(1).join(""), "hex");
  const version = bytes.readUInt8(6) >> 4;
  const entries: [string, Term][] = [
    ["version", version],
    ["variant", variantOf(bytes.readUInt8(8))],
  ];
  if (version === 1 || version === 2) entries.push(...fieldsOfTimed(bytes));
  if (version === 2) {
    const domain = bytes.readUInt8(9);
    entries.push(["id", bytes.readUInt32BE(0)], ["domain", DOMAINS[domain] ?? `Domain${domain}`]);
  }
  return new RegoObject(entries);
}

function fieldsOfTimed(bytes: Buffer): [string, Term][] {
  const ticks =
    BigInt(bytes.readUInt32BE(0)) |
    (BigInt(bytes.readUInt16BE(4)) << 32n) |
    (BigInt(bytes.readUInt16BE(6) & 0x0fff) << 48n);
  const nodeId = bytes
    .subarray(10)
    .toString("hex")
    .replace(/..(?!$)/g, "$&-");
  return [
    ["time", numberFromBigInt(BigInt.asIntN(64, (ticks - GREGORIAN_TICKS) * 100n))],
    ["nodeid", nodeId],
    ["macvariables", macVariables(bytes.readUInt8(10))],
    ["clocksequence", bytes.readUInt16BE(8) & 0x3fff],
  ];
}

function variantOf(byte: number): string {
  if ((byte & 0xc0) === 0x80) return "RFC4122";
  if ((byte & 0xe0) === 0xc0) return "Microsoft";
  return (byte & 0xe0) === 0xe0 ? "Future" : "Reserved";
}

function macVariables(byte: number): string {
  return `${(byte & 2) === 0 ? "global" : "local"}:${(byte & 1) === 0 ? "unicast" : "multicast"}`;
}
