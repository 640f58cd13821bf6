import type { Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import { type Cidr, type Ip, ipText, parseCidr, parseIp, unmapped } from "./ip-address.ts";

/** All addresses of one family from `first` to `last`. */
interface Range {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly last: bigint;
  /** How the range was written, until it is merged with another. */
  readonly text: string | undefined;
}

/** @returns the fewest blocks that hold all addresses given; those left alone keep their text. */
export function mergedCidrs(terms: readonly Term[]): string[] {
  const ranges = terms.map(rangeOf).sort(compareRanges);
  const merged: Range[] = [];
  for (const range of ranges.reverse()) {
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
  const ip = unmapped(cidr.ip);
  const prefix = Math.max(cidr.prefix - (cidr.ip.bits - ip.bits), 0);
  const hosts = (1n << BigInt(ip.bits - prefix)) - 1n;
  return {
    bits: ip.bits,
    first: ip.value & ~hosts,
    last: ip.value | hosts,
    text: `${ipText(ip)}/${prefix}`,
  };
}

function classful(ip: Ip): Cidr {
  if (ip.bits === 128) throw new BuiltinError("IPv6 invalid: needs prefix length");
  const leading = ip.value >> 24n;
  if (leading < 0x80n) return { ip, prefix: 8 };
  return { ip, prefix: leading < 0xc0n ? 16 : 24 };
}

/** By family, then by last address, then by first. */
function compareRanges(a: Range, b: Range): number {
  if (a.bits !== b.bits) return a.bits - b.bits;
  if (a.last !== b.last) return a.last < b.last ? -1 : 1;
  if (a.first === b.first) return 0;
  return a.first < b.first ? -1 : 1;
}

function touches(lower: Range, upper: Range): boolean {
  return lower.bits === upper.bits && upper.first - 1n <= lower.last;
}

function joined(lower: Range, upper: Range): Range {
  const first = lower.first < upper.first ? lower.first : upper.first;
  return { bits: upper.bits, first, last: upper.last, text: undefined };
}

/** The fewest blocks that cover the range exactly, from its first address on. */
function blocksOf({ bits, first, last }: Range): string[] {
  const blocks: string[] = [];
  for (let at = first; at <= last; ) {
    let host = 0;
    while (host < bits && fits(at, host + 1, last)) host++;
    blocks.push(`${ipText({ bits, value: at })}/${bits - host}`);
    at += 1n << BigInt(host);
  }
  return blocks;
}

function fits(first: bigint, hostBits: number, last: bigint): boolean {
  const size = 1n << BigInt(hostBits);
  return first % size === 0n && first + size - 1n <= last;
}
