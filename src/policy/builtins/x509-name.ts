import { RegoObject, type Term } from "../terms.ts";
import { childrenOf, type Der, derOid, derText, malformed, tags } from "./der.ts";

/** Attributes of a distinguished name by the last number of 2.5.4.x; lists but for two. */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CommonName"],
  ["2.5.4.5", "SerialNumber"],
  ["2.5.4.6", "Country"],
  ["2.5.4.7", "Locality"],
  ["2.5.4.8", "Province"],
  ["2.5.4.9", "StreetAddress"],
  ["2.5.4.10", "Organization"],
  ["2.5.4.11", "OrganizationalUnit"],
  ["2.5.4.17", "PostalCode"],
]);
const SINGLE = new Set(["CommonName", "SerialNumber"]);

/** @returns a distinguished name as Go's `pkix.Name` in JSON. */
export function nameTerm(name: Der): Term {
  const fields = new Map<string, Term>([["ExtraNames", null]]);
  for (const field of ATTRIBUTES.values()) fields.set(field, SINGLE.has(field) ? "" : null);
  const names: Term[] = [];
  const lists = new Map<string, Term[]>();
  for (const { type, value } of attributesOf(name)) {
    names.push(
      new RegoObject([
        ["Type", type],
        ["Value", value],
      ]),
    );
    const field = ATTRIBUTES.get(type.join("."));
    if (field === undefined) continue;
    if (SINGLE.has(field)) fields.set(field, value);
    else lists.set(field, [...(lists.get(field) ?? []), value]);
  }
  for (const [field, values] of lists) fields.set(field, values);
  fields.set("Names", names.length === 0 ? null : names);
  return new RegoObject(fields);
}

function attributesOf(name: Der): { type: readonly number[]; value: string }[] {
  return childrenOf(name, tags.sequence).flatMap((set) => {
    return childrenOf(set, tags.set).map((attribute) => {
      const [type, value] = childrenOf(attribute, tags.sequence);
      const text = value === undefined ? undefined : derText(value);
      if (text === undefined) throw malformed();
      return { type: derOid(type), value: text };
    });
  });
}
