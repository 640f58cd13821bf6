import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.ts";

const folder = mkdtempSync(join(tmpdir(), "stile-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, `${Math.abs(hashOf(text))}.yaml`);
  writeFileSync(file, text);
  return file;
}

function hashOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) | 0;
  return hash;
}

const REFUSED: readonly (readonly [string, string, Readonly<Record<string, string>>, string])[] = [
  ["an unknown key", "grcp: { addr: x }", {}, "grcp in"],
  ["an unknown inner key", "grpc: { address: x }", {}, "grpc.address in"],
  [
    "an unknown variable",
    "",
    { STILE_GRPC_ADRR: "x" },
    "STILE_GRPC_ADRR is not a variable of Stile; there are STILE_BUNDLE, STILE_GRPC_ADDR",
  ],
  [
    "a bad address",
    "",
    { STILE_GRPC_ADDR: "50051" },
    'STILE_GRPC_ADDR is "50051": expected host:port',
  ],
  [
    "a bad address in the file",
    "http: { addr: here }",
    {},
    'http.addr is "here": expected host:port',
  ],
  ["a bad level", "audit: { ack: maybe }", {}, 'audit.ack is "maybe"'],
  ["a wrong type", "data_dir: 7", {}, "data_dir is 7"],
  ["more workers than one", "", { STILE_WORKERS: "4" }, 'STILE_WORKERS is "4": expected 1'],
  [
    "a database",
    "",
    { STILE_DATABASE_URL: "postgres://x" },
    'STILE_DATABASE_URL is "postgres://x": expected nothing',
  ],
  [
    "a small journal",
    "",
    { STILE_AUDIT_MAX_BYTES: "1000" },
    'STILE_AUDIT_MAX_BYTES is "1000": expected at least',
  ],
  [
    "a size in words",
    "",
    { STILE_AUDIT_MAX_BYTES: "lots" },
    'STILE_AUDIT_MAX_BYTES is "lots": expected a whole number',
  ],
  ["a bad broker", "", { STILE_KAFKA_BROKERS: "kafka" }, "STILE_KAFKA_BROKERS is"],
  ["kafka acks without brokers", "audit: { ack: kafka }", {}, "kafka.brokers is not set"],
  ["an unknown key of a bundle", "bundle: { sorce: x }", {}, "bundle.sorce in"],
  ["an unknown key of a named bundle", "bundles: { a: { sorce: x } }", {}, "bundles.a.sorce in"],
  ["a named bundle without source", "bundles: { a: { scope: x } }", {}, "bundles.a has no source"],
  ["a policy's name with a slash", "bundles: { ../a: x }", {}, "bundles"],
  ["two default bundles", "bundle: x\nbundles: { default: y }", {}, "both set"],
  ["a scope without keys", "bundle: { source: x, scope: s }", {}, "nothing would be checked"],
  ["a URL", "", { STILE_BUNDLE: "http://c/d" }, "expected the path of a file or folder"],
  ["too few steps", "", { STILE_POLICY_STEPS_MAX: "9" }, 'STILE_POLICY_STEPS_MAX is "9": expected'],
  [
    "a key that is not there",
    "bundle: { source: x, keys: { k: { algorithm: ES256, file: /nowhere } } }",
    {},
    "read the key k of the bundle default",
  ],
  ["no mapping", "- grpc", {}, "holds no mapping"],
  ["broken YAML", "grpc: {", {}, "read the configuration"],
];

describe("readConfig", () => {
  it("has a default for everything, on loopback", () => {
    expect(readConfig({ env: {} })).toMatchObject({
      grpcAddr: "127.0.0.1:50051",
      httpAddr: "127.0.0.1:8080",
      kafkaBrokers: [],
      auditAck: "journal",
    });
  });

  it("reads the file, and lets the environment win", () => {
    const file = fileOf(
      "grpc: { addr: '127.0.0.1:1' }\nkafka: { brokers: [a:1, b:2] }\nbundle: x.tar.gz",
    );
    const config = readConfig({ env: { STILE_CONFIG: file, STILE_GRPC_ADDR: "127.0.0.1:2" } });
    expect(config).toMatchObject({
      grpcAddr: "127.0.0.1:2",
      kafkaBrokers: ["a:1", "b:2"],
      bundles: [{ name: "default", source: "x.tar.gz", stepsMax: 1_000_000 }],
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("keeps the keys of a bundle whose source a variable sets", () => {
    const key = fileOf("a secret");
    const keys = `keys: { k: { algorithm: HS256, file: "${key}" } }`;
    const file = fileOf(`bundle: { source: x, ${keys}, scope: prod, steps_max: 5000 }`);
    const [bundle] = readConfig({ env: { STILE_BUNDLE: "y" }, file }).bundles;
    expect(bundle).toMatchObject({ source: "y", scope: "prod", stepsMax: 5_000 });
    expect(bundle?.keys.get("k")).toEqual({ algorithm: "HS256", key: "a secret" });
  });

  it("reads named bundles beside the default one, each with the limits of all or its own", () => {
    const file = fileOf(
      "policy: { steps_max: 2000 }\nbundles: { a: a.tar.gz, b: { source: c/d, steps_max: 3000 } }",
    );
    expect(readConfig({ env: {}, file }).bundles).toMatchObject([
      { name: "default", source: "", stepsMax: 2_000 },
      { name: "a", source: "a.tar.gz", stepsMax: 2_000 },
      { name: "b", source: "c/d", stepsMax: 3_000 },
    ]);
  });

  it("reads brokers from a list in a variable", () => {
    const { kafkaBrokers } = readConfig({ env: { STILE_KAFKA_BROKERS: "a:1, b:2" } });
    expect(kafkaBrokers).toEqual(["a:1", "b:2"]);
  });

  it.each(REFUSED)("refuses %s", (_, text, env, wanted) => {
    expect(() => readConfig({ env, file: fileOf(text) })).toThrow(wanted);
  });

  it("names a file that is not there", () => {
    expect(() => readConfig({ env: {}, file: "/nowhere.yaml" })).toThrow(
      "read the configuration /nowhere.yaml",
    );
  });
});
