import { createPublicKey, type KeyObject } from "node:crypto";
import { integerOf } from "../rego-number.ts";
import { isNumber, RegoObject, type Term } from "../terms.ts";
import { type Builtin, type BuiltinEnv, BuiltinError } from "./builtin.ts";
import { civilAt, utcSeconds } from "./civil-time.ts";
import { decodeBase64, isBase64 } from "./encodings.ts";
import { membersOf, objectOperand, stringOperand } from "./operands.ts";
import { firstPemBlock, pemBlocks } from "./pem.ts";
import {
  type Certificate,
  certificateTerm,
  extendedUsageIds,
  parseCertificates,
} from "./x509-certificate.ts";
import { type ChainOptions, verifiedChain } from "./x509-chain.ts";
import { privateJwkTerm, privateKeyOfBlock, privateKeyOfDer, privateKeyTerm } from "./x509-keys.ts";
import { requestTerm } from "./x509-request.ts";

/** Certificates, requests and keys, in JSON as Go's `crypto/x509` has them. */
export const x509Builtins: readonly (readonly [string, Builtin])[] = [
  [
    "crypto.x509.parse_certificates",
    (args) => certificatesIn(stringOperand(args, 0)).map((each) => certificateTerm(each, true)),
  ],
  [
    "crypto.x509.parse_and_verify_certificates",
    (args, env) => verified(stringOperand(args, 0), defaultOptions(env), true),
  ],
  [
    "crypto.x509.parse_and_verify_certificates_with_options",
    (args, env) => {
      const options = optionsIn(objectOperand(args, 1), defaultOptions(env));
      return verified(stringOperand(args, 0), options, false);
    },
  ],
  ["crypto.x509.parse_certificate_request", (args) => parseRequest(stringOperand(args, 0))],
  [
    "crypto.x509.parse_keypair",
    (args) => parseKeyPair(stringOperand(args, 0), stringOperand(args, 1)),
  ],
  ["crypto.x509.parse_rsa_private_key", (args) => parsePrivateJwk(stringOperand(args, 0))],
  ["crypto.parse_private_keys", (args) => parsePrivateKeys(stringOperand(args, 0))],
];

/** PEM, base64 of PEM, or base64 of DER. */
function certificatesIn(text: string): readonly Certificate[] {
  if (text.startsWith("-----BEGIN")) return parseCertificates(derOfPem(text));
  const bytes = decodeBase64(text);
  const inner = bytes.toString("latin1");
  return parseCertificates(inner.startsWith("-----BEGIN") ? derOfPem(inner) : bytes);
}

function derOfPem(text: string): Buffer {
  const blocks = pemBlocks(text);
  if (blocks.some(({ type }) => type !== "CERTIFICATE")) {
    throw new BuiltinError("a PEM block is no certificate");
  }
  return Buffer.concat(blocks.map(({ bytes }) => bytes));
}

function defaultOptions(env: BuiltinEnv): ChainOptions {
  return { at: rfc3339(BigInt(env.nowNs)), dnsName: "", usages: [serverAuth] };
}

const serverAuth = extendedUsageIds[1] ?? "";

/** Whole seconds, which is as exact as certificates are. */
function rfc3339(ns: bigint): string {
  const seconds = utcSeconds(civilAt(ns, 0));
  return new Date(seconds * 1000).toISOString().replace(/\.000Z$/, "Z");
}

/** @returns whether the chain holds, and the chain; a text that is no certificate is no error. */
function verified(text: string, options: ChainOptions, withUriStrings: boolean): Term {
  try {
    const chain = verifiedChain(certificatesIn(text), options);
    if (chain === undefined) return [false, []];
    return [true, chain.map((each) => certificateTerm(each, withUriStrings))];
  } catch (error) {
    if (error instanceof BuiltinError) return [false, []];
    throw error;
  }
}

const USAGE_NAMES = [
  "KeyUsageAny",
  "KeyUsageServerAuth",
  "KeyUsageClientAuth",
  "KeyUsageCodeSigning",
  "KeyUsageEmailProtection",
  "KeyUsageIPSECEndSystem",
  "KeyUsageIPSECTunnel",
  "KeyUsageIPSECUser",
  "KeyUsageTimeStamping",
  "KeyUsageOCSPSigning",
  "KeyUsageMicrosoftServerGatedCrypto",
  "KeyUsageNetscapeServerGatedCrypto",
  "KeyUsageMicrosoftCommercialCodeSigning",
  "KeyUsageMicrosoftKernelCodeSigning",
];

function optionsIn(object: RegoObject, defaults: ChainOptions): ChainOptions {
  let options = defaults;
  for (const [name, value] of object.entries) {
    if (typeof name !== "string") continue;
    if (name === "DNSName" && typeof value === "string") {
      options = { ...options, dnsName: value.replace(/^"+|"+$/g, "") };
    } else if (name === "CurrentTime" && isNumber(value)) {
      const ns = integerOf(value);
      if (ns === undefined) throw new BuiltinError("'CurrentTime' should be a valid int64 number");
      options = { ...options, at: rfc3339(ns) };
    } else if (name === "KeyUsages") {
      const usages = usagesIn(value);
      if (usages.length > 0) options = { ...options, usages };
    } else if (name !== "MaxConstraintComparisons" || !isNumber(value)) {
      throw new BuiltinError("invalid key option");
    }
  }
  return options;
}

function usagesIn(term: Term): readonly string[] {
  const members = membersOf(term);
  if (members === undefined) throw new BuiltinError("'KeyUsages' should be an Array or Set");
  return members
    .filter((member) => typeof member === "string")
    .map((member) => {
      const id = extendedUsageIds[USAGE_NAMES.indexOf(member.replace(/^"+|"+$/g, ""))];
      if (id === undefined) throw new BuiltinError("invalid entries for 'KeyUsages' found");
      return id;
    });
}

function parseRequest(text: string): Term {
  const isPem = text.startsWith("-----BEGIN CERTIFICATE REQUEST-----");
  const bytes = isPem ? Buffer.from(text) : decodeBase64(text);
  const block = firstPemBlock(bytes.toString("latin1"));
  if (block !== undefined && block.type !== "CERTIFICATE REQUEST") {
    throw new BuiltinError("invalid PEM-encoded certificate signing request");
  }
  return requestTerm(block?.bytes ?? bytes);
}

function parsePrivateKeys(text: string): Term {
  return text === "" ? null : privateKeysIn(text).map(privateKeyTerm);
}

function parsePrivateJwk(text: string): Term {
  if (text === "") throw new BuiltinError("input PEM data was empty");
  const pem = text.startsWith("-----BEGIN") ? text : decodeBase64(text).toString("latin1");
  const [key] = privateKeysIn(pem);
  return key === undefined ? null : privateJwkTerm(key);
}

/** PEM or base64 of PEM; blocks that are no private keys are left out. */
function privateKeysIn(text: string): readonly KeyObject[] {
  const pem = isBase64(text) ? decodeBase64(text).toString("latin1") : text;
  return pemBlocks(pem)
    .map(privateKeyOfBlock)
    .filter((key) => key !== undefined);
}

/** @returns Go's `tls.Certificate` in JSON. */
function parseKeyPair(certificateText: string, keyText: string): Term {
  const certificatePem = pemOf(certificateText, "CERTIFICATE");
  const keyPem = pemOf(keyText, "PRIVATE KEY");
  const certificates = pemBlocks(certificatePem).filter(({ type }) => type === "CERTIFICATE");
  const keyBlock = pemBlocks(keyPem).find(({ type }) => type.endsWith("PRIVATE KEY"));
  const [leaf] = certificates[0] === undefined ? [] : parseCertificates(certificates[0].bytes);
  const key = keyBlock === undefined ? undefined : privateKeyOfDer(keyBlock.bytes);
  if (leaf?.key === undefined || key === undefined)
    throw new BuiltinError("no certificate or no key");
  if (!createPublicKey(key).equals(leaf.key))
    throw new BuiltinError("the key is not the certificate's");
  return new RegoObject([
    ["Certificate", certificates.map(({ bytes }) => bytes.toString("base64"))],
    ["PrivateKey", privateKeyTerm(key)],
    ["Leaf", certificateTerm(leaf, false)],
    ["OCSPStaple", null],
    ["SignedCertificateTimestamps", null],
    ["SupportedSignatureAlgorithms", null],
  ]);
}

function pemOf(text: string, type: string): string {
  if (text.startsWith("-----BEGIN ")) return text;
  const bytes = decodeBase64(text);
  const inner = bytes.toString("latin1");
  if (inner.startsWith("-----BEGIN ")) return inner;
  return `-----BEGIN ${type}-----\n${bytes.toString("base64")}\n-----END ${type}-----\n`;
}
