import { createHash, createHmac } from "node:crypto";
import { compareStrings, RegoObject, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { floorDivide } from "./civil-time.ts";
import { formatTime } from "./go-time-layout.ts";
import { type GoUrl, parseGoUrl } from "./go-url.ts";
import { jsonTextOf } from "./json-text.ts";
import { integerOperand, objectOperand } from "./operands.ts";
import { percentEncoded } from "./percent.ts";
import { utc } from "./time-zone.ts";
import { bytesOfText } from "./utf8.ts";

/** AWS Signature Version 4 of a request, as OPA makes it. */
export const awsBuiltins: readonly (readonly [string, Builtin])[] = [
  [
    "providers.aws.sign_req",
    (args) => signRequest(objectOperand(args, 0), objectOperand(args, 1), integerOperand(args, 2)),
  ],
];

const REQUEST_KEYS = new Set(
  (
    "method url body enable_redirect force_json_decode force_yaml_decode headers raw_body " +
    "tls_use_system_certs tls_ca_cert tls_ca_cert_file tls_ca_cert_env_variable tls_client_cert " +
    "tls_client_cert_file tls_client_cert_env_variable tls_client_key tls_client_key_file " +
    "tls_client_key_env_variable tls_insecure_skip_verify tls_server_name timeout cache " +
    "force_cache force_cache_duration_seconds raise_error caching_mode max_retry_attempts " +
    "cache_ignored_headers"
  ).split(" "),
);

/** Headers that proxies change on the way. */
const UNSIGNED_HEADERS = new Set(["authorization", "user-agent", "x-amzn-trace-id"]);
const INT64_MAX = 2n ** 63n - 1n;

interface Credentials {
  readonly service: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string;
  readonly unsignedPayload: boolean;
}

function signRequest(request: RegoObject, config: RegoObject, ns: bigint): Term {
  const credentials = credentialsOf(config);
  if (ns > INT64_MAX || ns < -INT64_MAX) throw new BuiltinError("time_ns is out of range");
  if (request.entries.some(([name]) => typeof name !== "string" || !REQUEST_KEYS.has(name))) {
    throw new BuiltinError("invalid request parameter");
  }
  const method = requiredText(request, "method");
  const url = parseGoUrl(requiredText(request, "url"));
  const given = request.get("headers") ?? new RegoObject();
  if (!(given instanceof RegoObject)) throw new BuiltinError("headers must be an object");
  const headers = new Map(
    given.entries.map(([name, value]) => [textOr(name, ""), textOr(value, "")]),
  );
  const time = formatTime(floorDivide(ns, 1n), utc, "20060102T150405Z");
  const contentHash = credentials.unsignedPayload ? "UNSIGNED-PAYLOAD" : sha256(bodyOf(request));
  const awsHeaders = awsHeadersOf(url, time, contentHash, credentials);
  const toSign = new Map(awsHeaders);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!UNSIGNED_HEADERS.has(lower)) toSign.set(lower, value);
  }
  const authorization = authorizationOf({ method, url, time, contentHash, credentials }, toSign);
  const signed: [string, Term][] = [...headers, ["Authorization", authorization], ...awsHeaders];
  return new RegoObject([...request.entries, ["headers", new RegoObject(signed)]]);
}

function credentialsOf(config: RegoObject): Credentials {
  const unsigned = config.get("disable_payload_signing") ?? false;
  if (typeof unsigned !== "boolean") throw new BuiltinError("invalid disable_payload_signing");
  return {
    service: requiredText(config, "aws_service"),
    region: requiredText(config, "aws_region"),
    accessKey: requiredText(config, "aws_access_key"),
    secretKey: requiredText(config, "aws_secret_access_key"),
    sessionToken: textOr(config.get("aws_session_token") ?? "", ""),
    unsignedPayload: unsigned,
  };
}

function awsHeadersOf(
  url: GoUrl,
  time: string,
  contentHash: string,
  credentials: Credentials,
): Map<string, string> {
  const headers = new Map([
    ["host", url.host],
    ["x-amz-date", time],
  ]);
  if (credentials.service === "s3" || credentials.service === "glacier") {
    headers.set("x-amz-content-sha256", contentHash);
  }
  if (credentials.sessionToken !== "")
    headers.set("x-amz-security-token", credentials.sessionToken);
  return headers;
}

function bodyOf(request: RegoObject): string {
  const raw = request.get("raw_body");
  const body = request.get("body");
  if (raw !== undefined) return textOr(raw, "");
  return body === undefined ? "" : jsonTextOf(body);
}

interface Canonical {
  readonly method: string;
  readonly url: GoUrl;
  readonly time: string;
  readonly contentHash: string;
  readonly credentials: Credentials;
}

function authorizationOf(request: Canonical, headers: ReadonlyMap<string, string>): string {
  const { method, url, time, contentHash, credentials } = request;
  const names = [...headers.keys()].sort(compareStrings);
  const lines = names.map((name) => `${name}:${headers.get(name) ?? ""}\n`).join("");
  const canonical = [
    method,
    escapedPath(url),
    url.rawQuery,
    lines,
    names.join(";"),
    contentHash,
  ].join("\n");
  const date = time.slice(0, 8);
  const scope = `${date}/${credentials.region}/${credentials.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const start: Buffer = bytesOfText(`AWS4${credentials.secretKey}`);
  const steps = [date, credentials.region, credentials.service, "aws4_request"];
  const key = steps.reduce(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    start,
  );
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  return (
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope},` +
    `SignedHeaders=${names.join(";")},Signature=${signature}`
  );
}

function escapedPath({ path, rawPath }: GoUrl): string {
  if (rawPath !== "" && /^[\w\-.~!$&'()*+,;=:@[\]%/]*$/.test(rawPath)) return rawPath;
  return path === "*" ? path : percentEncoded(path, /[\w$&+,./:;=@~-]/);
}

function sha256(text: string): string {
  return createHash("sha256").update(bytesOfText(text)).digest("hex");
}

function requiredText(object: RegoObject, name: string): string {
  const value = object.get(name);
  if (typeof value !== "string") throw new BuiltinError(`${name} must be a string`);
  return value;
}

function textOr(term: Term, fallback: string): string {
  return typeof term === "string" ? term : fallback;
}
