import type { KeyObject } from "node:crypto";
import { numberFromBigInt } from "../rego-number.ts";
import { RegoObject, type Term } from "../terms.ts";
import { BuiltinError } from "./builtin.ts";
import {
  childrenOf,
  contextTag,
  type Der,
  derBits,
  derBoolean,
  derElements,
  derInteger,
  derOid,
  derTime,
  tags,
} from "./der.ts";
import {
  accessPoints,
  alternativeNameFields,
  constraintFields,
  contextIntegers,
  distributionPoints,
  type Extension,
  extensionTerms,
  type GeneralNames,
  generalNames,
  listOrNull,
  type NameConstraints,
  nameConstraints,
  oidsIn,
  readExtensions,
} from "./x509-extensions.ts";
import { keyAlgorithms, publicKeyOf, publicKeyTerm } from "./x509-keys.ts";
import { nameTerm } from "./x509-name.ts";
import { signatureAlgorithm } from "./x509-signature.ts";

/** A certificate (RFC 5280): what its verification needs, and itself as Go has it in JSON. */
export interface Certificate {
  readonly raw: Buffer;
  readonly signedBytes: Buffer;
  readonly signature: Buffer;
  readonly algorithm: number;
  readonly version: number;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** RFC 3339, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  readonly key: KeyObject | undefined;
  readonly basicConstraints: { readonly isCa: boolean; readonly pathLength: number } | undefined;
  readonly keyUsage: number;
  readonly extendedUsages: readonly string[];
  readonly names: GeneralNames | undefined;
  readonly constraints: NameConstraints | undefined;
  readonly hasUnhandledCritical: boolean;
  /** Entries of Go's JSON object. */
  readonly entries: readonly (readonly [string, Term])[];
}

/** @throws BuiltinError when the bytes are not certificates one after another. */
export function parseCertificates(der: Buffer): readonly Certificate[] {
  return derElements(der).map(certificateOf);
}

/** @param withUriStrings whether OPA's own field `URIStrings` is added. */
export function certificateTerm(certificate: Certificate, withUriStrings: boolean): Term {
  const uris: Term = listOrNull(certificate.names?.uris);
  return new RegoObject(
    withUriStrings ? [...certificate.entries, ["URIStrings", uris]] : certificate.entries,
  );
}

function certificateOf(element: Der): Certificate {
  const [signed, algorithmElement, signature] = childrenOf(element, tags.sequence);
  const fields = [...childrenOf(signed, tags.sequence)];
  const versioned = fields[0]?.tag === contextTag(0, true);
  const version = versioned
    ? Number(derInteger(derElements(fields.shift()?.content ?? Buffer.of())[0])) + 1
    : 1;
  const [serial, , issuer, validity, subject, spki] = fields;
  if (signed === undefined || issuer === undefined || subject === undefined || spki === undefined) {
    throw new BuiltinError("malformed certificate");
  }
  const [notBefore, notAfter] = childrenOf(validity, tags.sequence).map(derTime);
  const extensionsField = fields.find(({ tag }) => tag === contextTag(3, true));
  const extensions =
    extensionsField === undefined ? [] : readExtensions(derElements(extensionsField.content)[0]);
  const key = publicKeyOf(spki.raw);
  const algorithm = signatureAlgorithm(algorithmElement);
  const read = readKnown(extensions);
  const signatureBytes = derBits(signature);
  const raw: [string, Buffer][] = [
    ["Raw", element.raw],
    ["RawTBSCertificate", signed.raw],
    ["RawSubjectPublicKeyInfo", spki.raw],
    ["RawSubject", subject.raw],
    ["RawIssuer", issuer.raw],
    ["Signature", signatureBytes],
  ];
  return {
    raw: element.raw,
    signedBytes: signed.raw,
    signature: signatureBytes,
    algorithm,
    version,
    issuer: issuer.raw,
    subject: subject.raw,
    notBefore: notBefore ?? "",
    notAfter: notAfter ?? "",
    key,
    ...read,
    entries: [
      ...raw.map(([name, bytes]): [string, Term] => [name, bytes.toString("base64")]),
      ["SignatureAlgorithm", algorithm],
      ["PublicKeyAlgorithm", keyAlgorithms[key?.asymmetricKeyType ?? ""] ?? 0],
      ["PublicKey", publicKeyTerm(key)],
      ["Version", version],
      ["SerialNumber", numberFromBigInt(derInteger(serial))],
      ["Issuer", nameTerm(issuer)],
      ["Subject", nameTerm(subject)],
      ["NotBefore", notBefore ?? ""],
      ["NotAfter", notAfter ?? ""],
      ["Extensions", extensionTerms(extensions)],
      ["ExtraExtensions", null],
      ...extensionFields(extensions, read),
    ],
  };
}

type Known = Pick<
  Certificate,
  | "basicConstraints"
  | "keyUsage"
  | "extendedUsages"
  | "names"
  | "constraints"
  | "hasUnhandledCritical"
>;

const HANDLED = new Set(
  [14, 15, 17, 19, 30, 31, 32, 33, 35, 36, 37, 54].map((number) => `2.5.29.${number}`),
);

function unhandledCritical(
  extensions: readonly Extension[],
  names: GeneralNames | undefined,
): readonly Extension[] {
  const nameCount =
    names === undefined
      ? 0
      : names.dns.length + names.email.length + names.uris.length + names.ips.length;
  return extensions.filter(({ id, critical }) => {
    if (id === "2.5.29.17") return critical && nameCount === 0;
    return critical && !HANDLED.has(id);
  });
}

function readKnown(extensions: readonly Extension[]): Known {
  const value = (id: string): Buffer | undefined =>
    extensions.find((each) => each.id === id)?.value;
  const basic = value("2.5.29.19");
  const usage = value("2.5.29.15");
  const extended = value("2.5.29.37");
  const alternative = value("2.5.29.17");
  const constraints = value("2.5.29.30");
  const names =
    alternative === undefined
      ? undefined
      : generalNames(childrenOf(derElements(alternative)[0], tags.sequence));
  return {
    basicConstraints: basic === undefined ? undefined : basicConstraintsOf(basic),
    keyUsage: usage === undefined ? 0 : keyUsageOf(derElements(usage)[0]),
    extendedUsages: extended === undefined ? [] : oidsIn(extended).map((oid) => oid.join(".")),
    names,
    constraints: constraints === undefined ? undefined : nameConstraints(constraints),
    hasUnhandledCritical: unhandledCritical(extensions, names).length > 0,
  };
}

function basicConstraintsOf(value: Buffer): { isCa: boolean; pathLength: number } {
  const fields = childrenOf(derElements(value)[0], tags.sequence);
  const flag = fields.find(({ tag }) => tag === tags.boolean);
  const length = fields.find(({ tag }) => tag === tags.integer);
  return {
    isCa: flag !== undefined && derBoolean(flag),
    pathLength: length === undefined ? -1 : Number(derInteger(length)),
  };
}

/** Bit 0 of the string becomes the lowest bit. */
function keyUsageOf(bits: Der | undefined): number {
  const bytes = derBits(bits);
  let usage = 0;
  for (let bit = 0; bit < 9; bit++) {
    const byte = bytes[bit >> 3] ?? 0;
    if (((byte >> (7 - (bit % 8))) & 1) === 1) usage |= 1 << bit;
  }
  return usage;
}

/** Object identifiers of extended key usages, in Go's order of numbering. */
export const extendedUsageIds: readonly string[] = [
  "2.5.29.37.0",
  "1.3.6.1.5.5.7.3.1",
  "1.3.6.1.5.5.7.3.2",
  "1.3.6.1.5.5.7.3.3",
  "1.3.6.1.5.5.7.3.4",
  "1.3.6.1.5.5.7.3.5",
  "1.3.6.1.5.5.7.3.6",
  "1.3.6.1.5.5.7.3.7",
  "1.3.6.1.5.5.7.3.8",
  "1.3.6.1.5.5.7.3.9",
  "1.3.6.1.4.1.311.10.3.3",
  "2.16.840.1.113730.4.1",
  "1.3.6.1.4.1.311.2.1.22",
  "1.3.6.1.4.1.311.61.1.1",
];

function extensionFields(extensions: readonly Extension[], known: Known): [string, Term][] {
  const find = (id: string): Extension | undefined => extensions.find((each) => each.id === id);
  const access = find("1.3.6.1.5.5.7.1.1");
  const points = access === undefined ? undefined : accessPoints(access.value);
  const crl = find("2.5.29.31");
  const policies = find("2.5.29.32");
  const policyOids = policies === undefined ? [] : oidsIn(policies.value);
  const usages = known.extendedUsages;
  const listed = usages.filter((id) => extendedUsageIds.includes(id));
  const unknown = usages.filter((id) => !extendedUsageIds.includes(id));
  const basic = known.basicConstraints;
  return [
    ["KeyUsage", known.keyUsage],
    ["ExtKeyUsage", listOrNull(listed.map((id) => extendedUsageIds.indexOf(id)))],
    ["UnknownExtKeyUsage", listOrNull(unknown.map((id) => id.split(".").map(Number)))],
    ["BasicConstraintsValid", basic !== undefined],
    ["IsCA", basic?.isCa ?? false],
    ["MaxPathLen", basic?.pathLength ?? 0],
    ["MaxPathLenZero", basic?.pathLength === 0],
    ["SubjectKeyId", keyId(find("2.5.29.14"), false)],
    ["AuthorityKeyId", keyId(find("2.5.29.35"), true)],
    ["OCSPServer", listOrNull(points?.ocsp)],
    ["IssuingCertificateURL", listOrNull(points?.issuers)],
    ["CRLDistributionPoints", listOrNull(crl === undefined ? [] : distributionPoints(crl.value))],
    ...alternativeNameFields(known.names),
    ["PermittedDNSDomainsCritical", find("2.5.29.30")?.critical ?? false],
    ...constraintFields(known.constraints),
    ["PolicyIdentifiers", listOrNull(policyOids)],
    ["Policies", listOrNull(policyOids.map((oid) => oid.join(".")))],
    ...policyFields(find("2.5.29.36"), find("2.5.29.54"), find("2.5.29.33")),
    [
      "UnhandledCriticalExtensions",
      listOrNull(unhandledCritical(extensions, known.names).map(({ oid }) => oid)),
    ],
  ];
}

function keyId(extension: Extension | undefined, isAuthority: boolean): Term {
  if (extension === undefined) return null;
  const [element] = derElements(extension.value);
  const id = isAuthority
    ? childrenOf(element, tags.sequence).find(({ tag }) => tag === contextTag(0, false))
    : element;
  return id === undefined ? null : id.content.toString("base64");
}

function policyFields(
  constraints: Extension | undefined,
  inhibit: Extension | undefined,
  mappings: Extension | undefined,
): [string, Term][] {
  const numbers: ReadonlyMap<number, Term> =
    constraints === undefined ? new Map() : contextIntegers(constraints.value);
  const any =
    inhibit === undefined ? undefined : numberFromBigInt(derInteger(derElements(inhibit.value)[0]));
  const field = (name: string, value: Term | undefined): [string, Term][] => [
    [name, value ?? 0],
    [`${name}Zero`, value === 0],
  ];
  return [
    ...field("RequireExplicitPolicy", numbers.get(0)),
    ...field("InhibitPolicyMapping", numbers.get(1)),
    ...field("InhibitAnyPolicy", any),
    ["PolicyMappings", mappings === undefined ? null : mappingTerms(mappings.value)],
  ];
}

function mappingTerms(value: Buffer): Term {
  return childrenOf(derElements(value)[0], tags.sequence).map((pair) => {
    const [issuer, subject] = childrenOf(pair, tags.sequence);
    return new RegoObject([
      ["IssuerDomainPolicy", derOid(issuer).join(".")],
      ["SubjectDomainPolicy", derOid(subject).join(".")],
    ]);
  });
}
