import { numberFromBigInt } from "../rego-number.ts";
import { RegoObject, type Term } from "../terms.ts";
import {
  childrenOf,
  contextTag,
  type Der,
  derBoolean,
  derElements,
  derInteger,
  derOid,
  expectTag,
  malformed,
  oidOf,
  tags,
} from "./der.ts";
import { parseGoUrl } from "./go-url.ts";
import { type Ip, ipText } from "./ip-address.ts";

export interface Extension {
  readonly id: string;
  readonly oid: readonly number[];
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Names of the kinds that Go keeps of an alternative name or a constraint. */
export interface GeneralNames {
  readonly dns: string[];
  readonly email: string[];
  readonly uris: string[];
  readonly ips: Buffer[];
}

export function readExtensions(list: Der | undefined): readonly Extension[] {
  return childrenOf(list, tags.sequence).map((element) => {
    const [oid, second, third] = childrenOf(element, tags.sequence);
    const hasCritical = second?.tag === tags.boolean;
    const numbers = derOid(oid);
    return {
      id: numbers.join("."),
      oid: numbers,
      critical: hasCritical && derBoolean(second),
      value: expectTag(hasCritical ? third : second, tags.octetString).content,
    };
  });
}

/** @returns extensions as Go's `pkix.Extension` in JSON. */
export function extensionTerms(extensions: readonly Extension[]): Term {
  if (extensions.length === 0) return null;
  return extensions.map(({ oid, critical, value }) => {
    return new RegoObject([
      ["Id", oid],
      ["Critical", critical],
      ["Value", value.toString("base64")],
    ]);
  });
}

/** Reads general names one after another (RFC 5280, section 4.2.1.6). */
export function generalNames(elements: readonly Der[]): GeneralNames {
  const names: GeneralNames = { dns: [], email: [], uris: [], ips: [] };
  for (const { tag, content } of elements) {
    const text = content.toString("latin1");
    if (tag === contextTag(1, false)) names.email.push(text);
    else if (tag === contextTag(2, false)) names.dns.push(text);
    else if (tag === contextTag(6, false)) names.uris.push(text);
    else if (tag === contextTag(7, false)) names.ips.push(content);
  }
  return names;
}

export function ipOfBytes(bytes: Buffer): Ip {
  const bits = bytes.length === 4 ? 32 : 128;
  if (bytes.length * 8 !== bits) throw malformed();
  return { bits, value: BigInt(`0x${bytes.toString("hex")}`) };
}

/** @returns the fields that alternative names fill, in JSON as Go has them. */
export function alternativeNameFields(names: GeneralNames | undefined): [string, Term][] {
  return [
    ["DNSNames", listOrNull(names?.dns)],
    ["EmailAddresses", listOrNull(names?.email)],
    ["IPAddresses", listOrNull(names?.ips.map((bytes) => ipText(ipOfBytes(bytes))))],
    ["URIs", listOrNull(names?.uris.map(urlTerm))],
  ];
}

function urlTerm(text: string): Term {
  const url = parseGoUrl(text);
  return new RegoObject([
    ["Scheme", url.scheme],
    ["Opaque", url.opaque],
    ["User", url.hasUser ? new RegoObject() : null],
    ["Host", url.host],
    ["Path", url.path],
    ["RawPath", url.rawPath],
    ["OmitHost", url.omitHost],
    ["ForceQuery", url.forceQuery],
    ["RawQuery", url.rawQuery],
    ["Fragment", url.fragment],
    ["RawFragment", url.rawFragment],
  ]);
}

/** Name constraints (RFC 5280, section 4.2.1.10). */
export interface NameConstraints {
  readonly permitted: GeneralNames;
  readonly excluded: GeneralNames;
}

export function nameConstraints(value: Buffer): NameConstraints {
  const [sequence] = derElements(value);
  const trees = childrenOf(sequence, tags.sequence);
  const namesOf = (number: number): GeneralNames => {
    const tree = trees.find(({ tag }) => tag === contextTag(number, true));
    const subtrees = tree === undefined ? [] : derElements(tree.content);
    return generalNames(
      subtrees.flatMap((subtree) => childrenOf(subtree, tags.sequence).slice(0, 1)),
    );
  };
  return { permitted: namesOf(0), excluded: namesOf(1) };
}

export function constraintFields(constraints: NameConstraints | undefined): [string, Term][] {
  const fieldsOf = (prefix: string, names: GeneralNames | undefined): [string, Term][] => [
    [`${prefix}DNSDomains`, listOrNull(names?.dns)],
    [`${prefix}EmailAddresses`, listOrNull(names?.email)],
    [`${prefix}URIDomains`, listOrNull(names?.uris)],
    [`${prefix}IPRanges`, listOrNull(names?.ips.map(rangeTerm))],
  ];
  return [
    ...fieldsOf("Permitted", constraints?.permitted),
    ...fieldsOf("Excluded", constraints?.excluded),
  ];
}

function rangeTerm(bytes: Buffer): Term {
  const half = bytes.length / 2;
  return new RegoObject([
    ["IP", ipText(ipOfBytes(bytes.subarray(0, half)))],
    ["Mask", bytes.subarray(half).toString("base64")],
  ]);
}

/** @returns the URIs of distribution points (RFC 5280, section 4.2.1.13). */
export function distributionPoints(value: Buffer): string[] {
  const [sequence] = derElements(value);
  return childrenOf(sequence, tags.sequence).flatMap((point) => {
    const name = childrenOf(point, tags.sequence).find(({ tag }) => tag === contextTag(0, true));
    const full = name === undefined ? undefined : derElements(name.content)[0];
    return full === undefined ? [] : generalNames(derElements(full.content)).uris;
  });
}

/** @returns URIs of the OCSP responder and of the issuer's certificate. */
export function accessPoints(value: Buffer): { ocsp: string[]; issuers: string[] } {
  const [sequence] = derElements(value);
  const points = { ocsp: [] as string[], issuers: [] as string[] };
  for (const description of childrenOf(sequence, tags.sequence)) {
    const [method, location] = childrenOf(description, tags.sequence);
    if (location?.tag !== contextTag(6, false)) continue;
    const id = derOid(method).join(".");
    if (id === "1.3.6.1.5.5.7.48.1") points.ocsp.push(location.content.toString("latin1"));
    if (id === "1.3.6.1.5.5.7.48.2") points.issuers.push(location.content.toString("latin1"));
  }
  return points;
}

/** @returns the numbers in context-specific fields: index to value. */
export function contextIntegers(value: Buffer): ReadonlyMap<number, Term> {
  const [sequence] = derElements(value);
  const integers = childrenOf(sequence, tags.sequence).map(({ tag, content }) => {
    const integer = derInteger({ tag: tags.integer, content, raw: content });
    return [tag & 0x1f, numberFromBigInt(integer)] as const;
  });
  return new Map(integers);
}

/** @returns the object identifiers of a sequence, each alone or first in a sequence of its own. */
export function oidsIn(value: Buffer): (readonly number[])[] {
  const [sequence] = derElements(value);
  return childrenOf(sequence, tags.sequence).map((element) => {
    return element.tag === tags.oid
      ? oidOf(element.content)
      : derOid(derElements(element.content)[0]);
  });
}

export function listOrNull(list: readonly Term[] | undefined): Term {
  return list === undefined || list.length === 0 ? null : list;
}
