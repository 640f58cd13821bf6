import { isArray, RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { mergedCidrs } from "./cidr-merge.ts";
import { type Cidr, contains, ipText, lastOf, masked, parseCidr, parseIp } from "./ip-address.ts";
import { anyOperand, boundedCount, membersOperand, stringOperand } from "./operands.ts";

export const cidrBuiltins: readonly (readonly [string, Builtin])[] = [
  ["net.cidr_is_valid", (args) => isCidr(anyOperand(args, 0))],
  ["net.cidr_expand", (args) => expand(stringOperand(args, 0))],
  ["net.cidr_merge", (args) => new RegoSet(mergedCidrs(membersOperand(args, 0)))],
  [
    "net.cidr_contains_matches",
    (args) => containsMatches(anyOperand(args, 0), anyOperand(args, 1)),
  ],
];

function isCidr(term: Term): boolean {
  return typeof term === "string" && parseCidr(term) !== undefined;
}

function cidrOf(term: Term): Cidr {
  const cidr = typeof term === "string" ? parseCidr(term) : undefined;
  if (cidr === undefined) throw new BuiltinError("not a valid CIDR");
  return cidr;
}

function expand(text: string): Term {
  const cidr = cidrOf(text);
  const last = lastOf(cidr).value;
  boundedCount(last - cidr.ip.value);
  const members: string[] = [];
  for (let value = cidr.ip.value; value <= last; value++) {
    members.push(ipText({ bits: cidr.ip.bits, value }));
  }
  return new RegoSet(members);
}

/** One side of the comparison: the address text, and what stands for it in the answer. */
interface Side {
  readonly text: Term;
  readonly index: Term;
}

/** Pairs of where a block of the first operand contains an address or block of the second. */
function containsMatches(blocks: Term, addresses: Term): Term {
  const inner = sidesOf(addresses);
  const outer = sidesOf(blocks);
  boundedCount(inner.length * outer.length);
  const pairs: Term[] = [];
  for (const block of outer) {
    for (const address of inner) {
      if (blockContains(block.text, address.text)) pairs.push([block.index, address.index]);
    }
  }
  return new RegoSet(pairs);
}

function sidesOf(term: Term): readonly Side[] {
  if (typeof term === "string") return [{ text: term, index: term }];
  if (isArray(term)) return term.map((item, at) => ({ text: textIn(item), index: at }));
  if (term instanceof RegoSet)
    return term.members.map((item) => ({ text: textIn(item), index: item }));
  if (!(term instanceof RegoObject)) return [];
  return term.entries.map(([key, value]) => ({ text: textIn(value), index: key }));
}

/** An element is a text, or an array that begins with one. */
function textIn(element: Term): Term {
  const text = isArray(element) ? element[0] : element;
  if (text === undefined || (!isArray(element) && typeof element !== "string")) {
    throw new BuiltinError("element must be string or non-empty array");
  }
  return text;
}

function blockContains(block: Term, address: Term): boolean {
  const outer = cidrOf(block);
  const ip = typeof address === "string" ? parseIp(address) : undefined;
  if (ip !== undefined) return contains(outer, ip);
  const inner = cidrOf(address);
  if (isPlainIpv6(outer) && isPlainIpv6(inner)) {
    return outer.prefix <= inner.prefix && masked(inner.ip, outer.prefix).value === outer.ip.value;
  }
  return contains(outer, inner.ip) && contains(outer, lastOf(inner));
}

function isPlainIpv6({ ip }: Cidr): boolean {
  return ip.bits === 128 && ip.value >> 32n !== 0xffffn;
}
