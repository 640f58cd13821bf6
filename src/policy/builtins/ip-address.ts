/** An address; `value` is below 2^bits. */
export interface Ip {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** A block of addresses; the bits of `ip` beyond the prefix are 0. */
export interface Cidr {
  readonly ip: Ip;
  readonly prefix: number;
}

const MAPPED = 0xffffn;

/** @returns the address of this text, as Go reads it; undefined for other text and for zones. */
export function parseIp(text: string): Ip | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Reads `192.0.2.0/24`; bits beyond the prefix are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const prefixText = text.slice(slash + 1);
  if (ip === undefined || !/^[0-9]{1,8}$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  return prefix > ip.bits ? undefined : { ip: masked(ip, prefix), prefix };
}

export function masked(ip: Ip, prefix: number): Ip {
  const hostBits = BigInt(ip.bits - prefix);
  return { bits: ip.bits, value: (ip.value >> hostBits) << hostBits };
}

/** @returns the IPv4 address that an IPv6 one maps (`::ffff:192.0.2.1`), else the address itself. */
export function unmapped(ip: Ip): Ip {
  return ip.bits === 128 && ip.value >> 32n === MAPPED
    ? { bits: 32, value: ip.value & 0xffffffffn }
    : ip;
}

export function lastOf({ ip, prefix }: Cidr): Ip {
  const hosts = (1n << BigInt(ip.bits - prefix)) - 1n;
  return { bits: ip.bits, value: ip.value | hosts };
}

/** Mapped addresses count as IPv4. */
export function contains({ ip: network, prefix }: Cidr, ip: Ip): boolean {
  const base = unmapped(network);
  const own = unmapped(ip);
  if (base.bits !== own.bits) return false;
  const bits = Math.max(prefix - (network.bits - base.bits), 0);
  return masked(base, bits).value === masked(own, bits).value;
}

/** @returns the text of an address, as RFC 5952 wants it; mapped addresses as IPv4. */
export function ipText(address: Ip): string {
  const ip = unmapped(address);
  if (ip.bits === 32) {
    return [24n, 16n, 8n, 0n].map((shift) => String((ip.value >> shift) & 0xffn)).join(".");
  }
  const groups = Array.from({ length: 8 }, (_, at) => {
    return ((ip.value >> BigInt(112 - at * 16)) & 0xffffn).toString(16);
  });
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(":");
  const head = groups.slice(0, run.start).join(":");
  return `${head}::${groups.slice(run.start + run.length).join(":")}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

function parseIpv4(text: string): Ip | undefined {
  const fields = text.split(".");
  const valid =
    fields.length === 4 && fields.every((field) => /^(?:0|[1-9][0-9]{0,2})$/.test(field));
  if (!valid || fields.some((field) => Number(field) > 255)) return undefined;
  return { bits: 32, value: fields.reduce((sum, field) => (sum << 8n) | BigInt(field), 0n) };
}

function parseIpv6(text: string): Ip | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 1 ? [] : groupsOf(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const zeros = Array.from({ length: missing }, () => 0);
  const groups = [...head, ...zeros, ...tail];
  return { bits: 128, value: groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n) };
}

/** @param atEnd whether a dotted IPv4 address may close these groups. */
function groupsOf(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const fields = text.split(":");
  for (const [at, field] of fields.entries()) {
    const dotted = atEnd && at === fields.length - 1 ? parseIpv4(field) : undefined;
    if (dotted !== undefined) {
      groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(field)) groups.push(Number.parseInt(field, 16));
    else return undefined;
  }
  return groups;
}
