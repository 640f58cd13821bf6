import type { Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { type Cidr, type Ip, ipText, parseCidr, parseIp, unmapped } from "./ip-address.ts";

/** All addresses from `first` to `last`; IPv4 stands in IPv6's space as `::ffff:…`. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
  /** How the range was written, until it is merged with another. */
  readonly text: string | undefined;
}

const MAPPED_BASE = 0xffff_0000_0000n;

/** @returns the fewest blocks that hold all addresses given; those left alone keep their text. */
export function mergedCidrs(terms: readonly Term[]): string[] {
  const ranges = terms.map(rangeOf).sort(compareRanges);
  const merged: Range[] = [];
  for (const range of ranges.toReversed()) {
    const next = merged.at(-1);
    if (next !== undefined && touches(range, next)) merged[merged.length - 1] = joined(range, next);
    else merged.push(range);
  }
  return merged.flatMap((range) => (range.text === undefined ? blocksOf(range) : [range.text]));
}

/** Bare IPv4 addresses stand for their classful network, as OPA has it; bare IPv6 are refused. */
function rangeOf(term: Term): Range {
  if (typeof term !== "string") throw new BuiltinError("element must be string");
  const address = parseIp(term);
  const cidr = address === undefined ? parseCidr(term) : classful(unmapped(address));
  if (cidr === undefined) throw new BuiltinError("not a valid IP address or CIDR");
  const { ip, prefix } = cidr;
  const hosts = (1n << BigInt(ip.bits - prefix)) - 1n;
  const value = ip.bits === 32 ? ip.value | MAPPED_BASE : ip.value;
  return { first: value & ~hosts, last: value | hosts, text: `${ipText(ip)}/${shownPrefix(cidr)}` };
}

function classful(ip: Ip): Cidr {
  if (ip.bits === 128) throw new BuiltinError("IPv6 invalid: needs prefix length");
  const leading = ip.value >> 24n;
  if (leading < 0x80n) return { ip, prefix: 8 };
  return { ip, prefix: leading < 0xc0n ? 16 : 24 };
}

function compareRanges(a: Range, b: Range): number {
  if (a.last !== b.last) return a.last < b.last ? -1 : 1;
  if (a.first === b.first) return 0;
  return a.first < b.first ? -1 : 1;
}

/** Nothing comes before 0.0.0.0. */
function touches(lower: Range, upper: Range): boolean {
  const before = upper.first === MAPPED_BASE ? upper.first : upper.first - 1n;
  return before <= lower.last;
}

function joined(lower: Range, upper: Range): Range {
  const first = lower.first < upper.first ? lower.first : upper.first;
  return { first, last: upper.last, text: undefined };
}

/** The fewest blocks that cover the range exactly, from its first address on. */
function blocksOf({ first, last }: Range): string[] {
  const blocks: string[] = [];
  for (let at = first; at <= last; ) {
    let host = 0;
    while (host < 128 && fits(at, host + 1, last)) host++;
    const cidr: Cidr = { ip: { bits: 128, value: at }, prefix: 128 - host };
    blocks.push(`${ipText(cidr.ip)}/${shownPrefix(cidr)}`);
    at += 1n << BigInt(host);
  }
  return blocks;
}

/** @returns the prefix as it belongs to the address's text, where mapped addresses are IPv4. */
function shownPrefix({ ip, prefix }: Cidr): number {
  return ip.bits === 128 && unmapped(ip).bits === 32 ? Math.max(prefix - 96, 0) : prefix;
}

function fits(first: bigint, hostBits: number, last: bigint): boolean {
  const size = 1n << BigInt(hostBits);
  return first % size === 0n && first + size - 1n <= last;
}
