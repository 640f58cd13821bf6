import { RegoObject, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { parseIp } from "./ip-address.ts";
import { anyOperand, stringOperand } from "./operands.ts";
import { percentDecoded, percentEncoded } from "./percent.ts";

/** URIs as Go's `net/url` takes them apart. */
export const uriBuiltins: readonly (readonly [string, Builtin])[] = [
  ["uri.parse", (args) => new RegoObject(partsOf(stringOperand(args, 0)))],
  ["uri.is_valid", (args) => isUri(anyOperand(args, 0))],
];

function isUri(term: Term): boolean {
  if (typeof term !== "string" || term === "") return false;
  try {
    partsOf(term);
    return true;
  } catch (error) {
    if (error instanceof BuiltinError) return false;
    throw error;
  }
}

/** The parts that are there; an absent or empty part is left out. */
function partsOf(text: string): [string, Term][] {
  const [beforeFragment, fragment] = cut(text, "#");
  const parts: [string, Term][] = [];
  const put = (name: string, value: string): void => {
    if (value !== "") parts.push([name, value]);
  };
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\u007f]/.test(beforeFragment))
    throw new BuiltinError("control character in URI");
  const { scheme, rest } = schemeOf(beforeFragment);
  put("scheme", scheme.toLowerCase());
  const [hierarchy, query] = cut(rest, "?");
  const opaque = scheme !== "" && !hierarchy.startsWith("/");
  if (!opaque && beforeFragment !== "*") readHierarchy(scheme, hierarchy, put);
  if (beforeFragment === "*") {
    put("path", "*");
    put("raw_path", "*");
  }
  put("raw_query", query);
  put("fragment", percentDecoded(fragment));
  return parts;
}

function readHierarchy(
  scheme: string,
  hierarchy: string,
  put: (name: string, value: string) => void,
): void {
  if (!hierarchy.startsWith("/") && /^[^/]*:/.test(hierarchy)) {
    throw new BuiltinError("first path segment in URL cannot contain colon");
  }
  let path = hierarchy;
  const hasAuthority =
    hierarchy.startsWith("//") && (scheme !== "" || !hierarchy.startsWith("///"));
  if (hasAuthority) {
    const slash = hierarchy.indexOf("/", 2);
    path = slash < 0 ? "" : hierarchy.slice(slash);
    const { hostname, port } = authorityOf(
      scheme,
      hierarchy.slice(2, slash < 0 ? undefined : slash),
    );
    put("hostname", hostname);
    put("port", port);
  }
  const decoded = percentDecoded(path);
  put("path", decoded);
  const canonical = percentEncoded(decoded, /[\w$&+,./:;=@~-]/);
  put("raw_path", canonical === path ? decoded : path);
}

function schemeOf(text: string): { scheme: string; rest: string } {
  if (text.startsWith(":")) throw new BuiltinError("missing protocol scheme");
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  const scheme = match?.[1] ?? "";
  return { scheme, rest: match === null ? text : text.slice(scheme.length + 1) };
}

function authorityOf(scheme: string, authority: string): { hostname: string; port: string } {
  const at = authority.lastIndexOf("@");
  const host = hostOf(scheme.toLowerCase(), authority.slice(at + 1));
  const user = authority.slice(0, Math.max(at, 0));
  if (!/^[\w\-.:~!$&'()*+,;=%@]*$/.test(user)) throw new BuiltinError("invalid userinfo");
  percentDecoded(user);
  return host;
}

/** Characters that may stand in a host as they are; others must be escaped, and ASCII may not. */
const HOST_CHARACTERS = /^[\w!"$&'()*+,\-.:;<=>[\]~%\u0080-\u{10ffff}]*$/u;

function hostOf(scheme: string, host: string): { hostname: string; port: string } {
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
    ? { hostname: decoded.slice(0, colon), port: decoded.slice(colon + 1) }
    : { hostname: decoded, port: "" };
}

/** `[…]`: an IPv6 address, a zone after `%25`. */
function literalOf(host: string): { hostname: string; port: string } {
  const close = host.lastIndexOf("]");
  if (close < 0) throw new BuiltinError("missing ']' in host");
  checkPort(host.slice(close + 1));
  const inner = host.slice(1, close);
  const zoneAt = inner.indexOf("%25");
  const address = decodedHost(zoneAt < 0 ? inner : inner.slice(0, zoneAt));
  const zone = zoneAt < 0 ? "" : percentDecoded(inner.slice(zoneAt), isZoneByte);
  if (zone === "%" || parseIp(address)?.bits !== 128) throw new BuiltinError("invalid host");
  return { hostname: address + zone, port: host.slice(close + 2) };
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
