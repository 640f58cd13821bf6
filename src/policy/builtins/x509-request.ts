import { numberFromBigInt } from "../rego-number.ts";
import { RegoObject, type Term } from "../terms.ts";
import {
  childrenOf,
  contextTag,
  type Der,
  derBits,
  derBoolean,
  derElements,
  derInteger,
  derOid,
  derText,
  malformed,
  tags,
} from "./der.ts";
import {
  alternativeNameFields,
  extensionTerms,
  generalNames,
  listOrNull,
  readExtensions,
} from "./x509-extensions.ts";
import { keyAlgorithms, publicKeyOf, publicKeyTerm } from "./x509-keys.ts";
import { nameTerm } from "./x509-name.ts";
import { signatureAlgorithm } from "./x509-signature.ts";

const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/**
 * Reads a certification request (PKCS #10).
 *
 * @returns it as Go has it in JSON.
 * @throws BuiltinError when the bytes are no request.
 */
export function requestTerm(der: Buffer): Term {
  const [element, ...others] = derElements(der);
  const [info, algorithm, signature] = childrenOf(element, tags.sequence);
  const [version, subject, spki, attributes] = childrenOf(info, tags.sequence);
  if (element === undefined || info === undefined || subject === undefined || spki === undefined) {
    throw malformed();
  }
  if (others.length > 0) throw malformed();
  const key = publicKeyOf(spki.raw);
  const list = attributes?.tag === contextTag(0, true) ? derElements(attributes.content) : [];
  const requested = list.map((attribute) => childrenOf(attribute, tags.sequence));
  const extensionSet = requested.find(
    ([type]) => derOid(type).join(".") === EXTENSION_REQUEST,
  )?.[1];
  const extensions =
    extensionSet === undefined ? [] : readExtensions(derElements(extensionSet.content)[0]);
  const alternative = extensions.find(({ id }) => id === "2.5.29.17");
  return new RegoObject([
    ["Raw", element.raw.toString("base64")],
    ["RawTBSCertificateRequest", info.raw.toString("base64")],
    ["RawSubjectPublicKeyInfo", spki.raw.toString("base64")],
    ["RawSubject", subject.raw.toString("base64")],
    ["Version", numberFromBigInt(derInteger(version))],
    ["Signature", derBits(signature).toString("base64")],
    ["SignatureAlgorithm", signatureAlgorithm(algorithm)],
    ["PublicKeyAlgorithm", keyAlgorithms[key?.asymmetricKeyType ?? ""] ?? 0],
    ["PublicKey", publicKeyTerm(key)],
    ["Subject", nameTerm(subject)],
    ["Attributes", listOrNull(requested.flatMap(attributeTerm))],
    ["Extensions", extensionTerms(extensions)],
    ["ExtraExtensions", null],
    ...alternativeNameFields(
      alternative === undefined
        ? undefined
        : generalNames(childrenOf(derElements(alternative.value)[0], tags.sequence)),
    ),
  ]);
}

/** Attributes of another shape than sets of lists of typed values are left out, as in Go. */
function attributeTerm([type, set]: readonly Der[]): Term[] {
  if (set?.tag !== tags.set) return [];
  const lists = derElements(set.content);
  if (lists.some(({ tag }) => tag !== tags.sequence)) return [];
  const values = lists.map((list) => {
    return derElements(list.content).map((pair) => {
      const [valueType, value] = childrenOf(pair, tags.sequence);
      return new RegoObject([
        ["Type", derOid(valueType)],
        ["Value", value === undefined ? null : valueTerm(value)],
      ]);
    });
  });
  return [
    new RegoObject([
      ["Type", derOid(type)],
      ["Value", values],
    ]),
  ];
}

function valueTerm(element: Der): Term {
  switch (element.tag) {
    case tags.boolean:
      return derBoolean(element);
    case tags.integer:
      return numberFromBigInt(derInteger(element));
    case tags.octetString:
      return element.content.toString("base64");
    case tags.oid:
      return derOid(element);
    default:
      return derText(element) ?? null;
  }
}
