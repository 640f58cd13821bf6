import { type Ip, masked, parseIp, unmapped } from "./ip-address.ts";
import { type Certificate, extendedUsageIds } from "./x509-certificate.ts";
import { type GeneralNames, ipOfBytes } from "./x509-extensions.ts";
import { isSignatureValid } from "./x509-signature.ts";

export interface ChainOptions {
  /** RFC 3339, UTC. */
  readonly at: string;
  /** A host name or address that the leaf must be for; "" for any. */
  readonly dnsName: string;
  /** Object identifiers of extended key usages, one of which every certificate must allow. */
  readonly usages: readonly string[];
}

const CERT_SIGN = 1 << 5;
const ANY_USAGE = extendedUsageIds[0] ?? "";

/**
 * Finds a way from a leaf over intermediates to a root, as RFC 5280 section 6 wants it: signatures,
 * time, constraints and usages.
 *
 * @param certificates root first, leaf last; at least two.
 * @returns the chain, leaf first, or undefined where there is none.
 */
export function verifiedChain(
  certificates: readonly Certificate[],
  options: ChainOptions,
): readonly Certificate[] | undefined {
  const root = certificates[0];
  const leaf = certificates.at(-1);
  if (root === undefined || leaf === undefined || certificates.length < 2) return undefined;
  if (leaf.hasUnhandledCritical || !isInForce(leaf, options.at)) return undefined;
  if (options.dnsName !== "" && !isFor(leaf, options.dnsName)) return undefined;
  const accepts = (chain: readonly Certificate[]): boolean => allowsUsage(chain, options.usages);
  if (leaf.raw.equals(root.raw)) return accepts([leaf]) ? [leaf] : undefined;
  return extended([leaf], root, certificates.slice(1, -1), options.at, accepts);
}

function extended(
  chain: readonly Certificate[],
  root: Certificate,
  intermediates: readonly Certificate[],
  at: string,
  accepts: (chain: readonly Certificate[]) => boolean,
): readonly Certificate[] | undefined {
  const child = chain.at(-1);
  if (child === undefined) return undefined;
  if (mayIssue(root, child, chain, at)) {
    const whole = [...chain, root];
    if (accepts(whole)) return whole;
  }
  for (const next of intermediates) {
    if (next.basicConstraints?.isCa !== true || !mayIssue(next, child, chain, at)) continue;
    const rest = intermediates.filter((other) => other !== next);
    const found = extended([...chain, next], root, rest, at, accepts);
    if (found !== undefined) return found;
  }
  return undefined;
}

function mayIssue(
  issuer: Certificate,
  child: Certificate,
  chain: readonly Certificate[],
  at: string,
): boolean {
  const basic = issuer.basicConstraints;
  const isAuthority = basic === undefined ? issuer.version < 3 : basic.isCa;
  const pathIsShort =
    basic === undefined || basic.pathLength < 0 || chain.length - 1 <= basic.pathLength;
  if (!issuer.subject.equals(child.issuer) || !isInForce(issuer, at)) return false;
  if (!isAuthority || !pathIsShort || issuer.hasUnhandledCritical) return false;
  if (issuer.keyUsage !== 0 && (issuer.keyUsage & CERT_SIGN) === 0) return false;
  if (!chain.every(({ names }) => isPermitted(issuer, names))) return false;
  const signed = {
    algorithm: child.algorithm,
    bytes: child.signedBytes,
    signature: child.signature,
  };
  return issuer.key !== undefined && isSignatureValid(signed, issuer.key);
}

function isInForce({ notBefore, notAfter }: Certificate, at: string): boolean {
  return notBefore <= at && at <= notAfter;
}

function allowsUsage(chain: readonly Certificate[], usages: readonly string[]): boolean {
  if (usages.includes(ANY_USAGE)) return true;
  return usages.some((usage) => {
    return chain.every(({ extendedUsages }) => {
      const open = extendedUsages.length === 0 || extendedUsages.includes(ANY_USAGE);
      return open || extendedUsages.includes(usage);
    });
  });
}

function isFor({ names }: Certificate, name: string): boolean {
  const ip = parseIp(name.replace(/^\[(.*)\]$/, "$1"));
  if (ip !== undefined) return names?.ips.some((bytes) => sameIp(ipOfBytes(bytes), ip)) ?? false;
  const host = name.toLowerCase().replace(/\.$/, "");
  return names?.dns.some((pattern) => matchesHost(pattern.toLowerCase(), host)) ?? false;
}

function sameIp(a: Ip, b: Ip): boolean {
  const [left, right] = [unmapped(a), unmapped(b)];
  return left.bits === right.bits && left.value === right.value;
}

/** A star stands for the whole first label. */
function matchesHost(pattern: string, host: string): boolean {
  const wanted = pattern.replace(/\.$/, "").split(".");
  const labels = host.split(".");
  if (wanted.length !== labels.length) return false;
  return wanted.every((label, at) => label === labels[at] || (at === 0 && label === "*"));
}

function isPermitted({ constraints }: Certificate, names: GeneralNames | undefined): boolean {
  if (constraints === undefined || names === undefined) return true;
  const { permitted, excluded } = constraints;
  const holds = <T>(
    values: readonly T[],
    allowed: readonly T[],
    barred: readonly T[],
    inside: (value: T, bound: T) => boolean,
  ): boolean =>
    values.every((value) => {
      const open = allowed.length === 0 || allowed.some((bound) => inside(value, bound));
      return open && !barred.some((bound) => inside(value, bound));
    });
  return (
    holds(names.dns, permitted.dns, excluded.dns, isSubdomain) &&
    holds(names.email, permitted.email, excluded.email, isMailboxIn) &&
    holds(names.uris.map(hostOfUri), permitted.uris, excluded.uris, isSubdomain) &&
    holds(names.ips, permitted.ips, excluded.ips, isAddressIn)
  );
}

function hostOfUri(uri: string): string {
  return /^[^:]*:\/\/(?:[^@/]*@)?([^/:?#]*)/.exec(uri)?.[1] ?? "";
}

/** A bound with a leading dot asks for a true subdomain. */
function isSubdomain(name: string, bound: string): boolean {
  const host = name.toLowerCase();
  const base = bound.toLowerCase();
  if (base === "") return true;
  return base.startsWith(".") ? host.endsWith(base) : host === base || host.endsWith(`.${base}`);
}

function isMailboxIn(mailbox: string, bound: string): boolean {
  return bound.includes("@") ? mailbox === bound : isSubdomain(mailbox.split("@")[1] ?? "", bound);
}

function isAddressIn(address: Buffer, range: Buffer): boolean {
  const half = range.length / 2;
  if (address.length !== half) return false;
  const ones = [...range.subarray(half)].map((byte) => byte.toString(2).replaceAll("0", "").length);
  const prefix = ones.reduce((sum, count) => sum + count, 0);
  const base = ipOfBytes(range.subarray(0, half));
  return masked(ipOfBytes(address), prefix).value === masked(base, prefix).value;
}
