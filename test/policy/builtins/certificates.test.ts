import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { builtins } from "../../../src/policy/builtins/index.ts";
import { isArray, parseTerm, RegoObject, type Term, termText } from "../../../src/policy/terms.ts";
import { env } from "./env.ts";

const folder = path.join(import.meta.dirname, "certificates");
const chain = readFileSync(path.join(folder, "chain.pem"), "utf8");
const request = readFileSync(path.join(folder, "request.pem"), "utf8");
/** What OPA 1.22.2 says of them. */
const answers: unknown = JSON.parse(readFileSync(path.join(folder, "answers.json"), "utf8"));

/** While all three certificates are in force. */
const DURING = "1800000000000000000";

function call(name: string, args: readonly Term[]): Term {
  const answer = builtins.get(name)?.(args, env());
  if (answer === undefined) throw new TypeError(`${name} has no answer`);
  return answer;
}

function recorded(name: string): string {
  const all = new Map(
    Object.entries(typeof answers === "object" && answers !== null ? answers : {}),
  );
  return termText(parseTerm(String(all.get(name))));
}

function verified(text: string, options: string): Term {
  const name = "crypto.x509.parse_and_verify_certificates_with_options";
  const answer = call(name, [text, parseTerm(options)]);
  return isArray(answer) ? (answer[0] ?? null) : null;
}

describe("certificates", () => {
  it.each([
    ["crypto.x509.parse_certificates", chain],
    ["crypto.x509.parse_certificate_request", request],
  ])("are taken apart by %s as OPA does", (name, text) => {
    expect(termText(call(name, [text]))).toBe(recorded(name));
  });

  it("are read from base64 of PEM and of DER too", () => {
    const base64 = Buffer.from(request).toString("base64");
    const der = request.replace(/-----[^-]*-----|\s/g, "");
    const name = "crypto.x509.parse_certificate_request";
    expect(termText(call(name, [base64]))).toBe(recorded(name));
    expect(termText(call(name, [der]))).toBe(recorded(name));
  });

  it.each([
    ["in force", `{"CurrentTime": ${DURING}}`, true],
    ["for a name of the leaf", `{"CurrentTime": ${DURING}, "DNSName": "www.example"}`, true],
    ["for a name by its star", `{"CurrentTime": ${DURING}, "DNSName": "a.w.example"}`, true],
    ["for an address of the leaf", `{"CurrentTime": ${DURING}, "DNSName": "10.1.1.1"}`, true],
    ["for another name", `{"CurrentTime": ${DURING}, "DNSName": "www.other"}`, false],
    ["for another use", `{"CurrentTime": ${DURING}, "KeyUsages": ["KeyUsageClientAuth"]}`, false],
    ["before they are in force", '{"CurrentTime": 1700000000000000000}', false],
    ["after they are in force", '{"CurrentTime": 2500000000000000000}', false],
  ])("verify %s: %s is %s", (_, options, wanted) => {
    expect(verified(chain, options)).toBe(wanted);
  });

  it("do not verify without the one in the middle, nor changed", () => {
    const blocks = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    const options = `{"CurrentTime": ${DURING}}`;
    expect(verified([blocks[0], blocks[2]].join(""), options)).toBe(false);
    const changed = chain.replace(/([A-Za-z0-9+/])(\n[^\n]*\n-----END CERTIFICATE-----\n)$/, "A$2");
    expect(verified(changed === chain ? "" : changed, options)).toBe(false);
  });

  it("come back leaf first", () => {
    const name = "crypto.x509.parse_and_verify_certificates_with_options";
    const answer = call(name, [chain, parseTerm(`{"CurrentTime": ${DURING}}`)]);
    const list = isArray(answer) ? answer[1] : undefined;
    const names = (list !== undefined && isArray(list) ? list : []).map((certificate) => {
      const subject = certificate instanceof RegoObject ? certificate.get("Subject") : undefined;
      return subject instanceof RegoObject ? subject.get("CommonName") : undefined;
    });
    expect(names).toEqual(["leaf", "int", "root"]);
  });
});
