import { BuiltinError } from "./builtin.ts";
import { parseIp } from "./ip-address.ts";
import { percentDecoded, percentEncoded } from "./percent.ts";

/** A URL in the parts of Go's `net/url`; a part that is not there is empty. */
export interface GoUrl {
  readonly scheme: string;
  /** What follows a scheme that is not followed by a slash. */
  readonly opaque: string;
  readonly hasUser: boolean;
  /** With the port and, around IPv6, the brackets. */
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly path: string;
  /** As written, where the usual encoding of the path differs from it. */
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly forceQuery: boolean;
  readonly fragment: string;
  readonly rawFragment: string;
  readonly omitHost: boolean;
}

interface Host {
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
}

const NO_HOST: Host = { host: "", hostname: "", port: "" };
const PATH_KEEPS = /[\w$&+,./:;=@~-]/;
const FRAGMENT_KEEPS = /[\w$&+,./:;=?@!()*~-]/;

/** @throws BuiltinError where Go finds the text to be no URL. */
export function parseGoUrl(text: string): GoUrl {
  const [address, fragment] = cut(text, "#");
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(address)) throw new BuiltinError("control character in URL");
  const { scheme, rest } = address === "*" ? { scheme: "", rest: "*" } : schemeOf(address);
  const forceQuery = rest.endsWith("?") && rest.indexOf("?") === rest.length - 1;
  const [hierarchy, rawQuery] = cut(rest, "?");
  const opaque = scheme !== "" && !hierarchy.startsWith("/") ? hierarchy : "";
  const decodedFragment = percentDecoded(fragment);
  const canonicalFragment = percentEncoded(decodedFragment, FRAGMENT_KEEPS);
  return {
    scheme: scheme.toLowerCase(),
    opaque,
    ...hierarchyOf(scheme.toLowerCase(), opaque === "" ? hierarchy : ""),
    rawQuery,
    forceQuery,
    fragment: decodedFragment,
    rawFragment: canonicalFragment === fragment ? "" : fragment,
  };
}

type Hierarchy = Host & Pick<GoUrl, "hasUser" | "path" | "rawPath" | "omitHost">;

function hierarchyOf(scheme: string, hierarchy: string): Hierarchy {
  if (!hierarchy.startsWith("/") && /^[^/]*:/.test(hierarchy)) {
    throw new BuiltinError("first path segment in URL cannot contain colon");
  }
  const hasAuthority =
    hierarchy.startsWith("//") && (scheme !== "" || !hierarchy.startsWith("///"));
  const slash = hasAuthority ? hierarchy.indexOf("/", 2) : 0;
  const path = slash < 0 ? "" : hierarchy.slice(slash);
  const authority = hasAuthority ? hierarchy.slice(2, slash < 0 ? undefined : slash) : "";
  const decoded = percentDecoded(path);
  return {
    ...(hasAuthority ? authorityHost(scheme, authority) : NO_HOST),
    hasUser: authority.includes("@"),
    path: decoded,
    rawPath: percentEncoded(decoded, PATH_KEEPS) === path ? "" : path,
    omitHost: !hasAuthority && scheme !== "" && hierarchy.startsWith("/"),
  };
}

function schemeOf(text: string): { scheme: string; rest: string } {
  if (text.startsWith(":")) throw new BuiltinError("missing protocol scheme");
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  const scheme = match?.[1] ?? "";
  return { scheme, rest: match === null ? text : text.slice(scheme.length + 1) };
}

function authorityHost(scheme: string, authority: string): Host {
  const at = authority.lastIndexOf("@");
  const host = hostOf(scheme, authority.slice(at + 1));
  const user = authority.slice(0, Math.max(at, 0));
  if (!/^[\w\-.:~!$&'()*+,;=%@]*$/.test(user)) throw new BuiltinError("invalid userinfo");
  percentDecoded(user);
  return host;
}

/** Characters that may stand in a host as they are; ASCII may not be escaped. */
const HOST_CHARACTERS = /^[\w!"$&'()*+,\-.:;<=>[\]~%\u0080-\u{10ffff}]*$/u;

function hostOf(scheme: string, host: string): Host {
  const open = host.lastIndexOf("[");
  if (open > 0) throw new BuiltinError("invalid IP-literal");
  if (open === 0) return literalOf(host);
  const first = host.indexOf(":");
  const strict = scheme === "http" || scheme === "https";
  checkPort(first < 0 ? "" : host.slice(strict ? first : host.lastIndexOf(":")));
  const decoded = decodedHost(host);
  const colon = decoded.lastIndexOf(":");
  const hasPort = colon >= 0 && /^:[0-9]*$/.test(decoded.slice(colon));
  return hasPort
    ? { host: decoded, hostname: decoded.slice(0, colon), port: decoded.slice(colon + 1) }
    : { host: decoded, hostname: decoded, port: "" };
}

/** `[…]`: an IPv6 address, a zone after `%25`. */
function literalOf(host: string): Host {
  const close = host.lastIndexOf("]");
  if (close < 0) throw new BuiltinError("missing ']' in host");
  checkPort(host.slice(close + 1));
  const inner = host.slice(1, close);
  const zoneAt = inner.indexOf("%25");
  const address = decodedHost(zoneAt < 0 ? inner : inner.slice(0, zoneAt));
  const zone = zoneAt < 0 ? "" : percentDecoded(inner.slice(zoneAt), isZoneByte);
  if (zone === "%" || parseIp(address)?.bits !== 128) throw new BuiltinError("invalid host");
  const hostname = address + zone;
  return { host: `[${hostname}]${host.slice(close + 1)}`, hostname, port: host.slice(close + 2) };
}

function checkPort(colonPort: string): void {
  if (!/^(?::[0-9]*)?$/.test(colonPort)) throw new BuiltinError("invalid port after host");
}

function decodedHost(host: string): string {
  if (!HOST_CHARACTERS.test(host)) throw new BuiltinError("invalid character in host name");
  return percentDecoded(host, (byte) => byte >= 0x80 || byte === 0x25);
}

function isZoneByte(byte: number): boolean {
  return (
    byte === 0x25 || byte === 0x20 || /[\w!"$&'()*+,\-.:;<=>[\]~]/.test(String.fromCharCode(byte))
  );
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
