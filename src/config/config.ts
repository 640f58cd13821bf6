import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { StileError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";
import {
  type BundleConfig,
  bundleShape,
  bundlesOf,
  bundlesShape,
  policyShape,
} from "./bundle-config.ts";

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, "expected host:port, such as 127.0.0.1:50051");

const brokerList = z
  .union([
    z.string().transform((text) => text.split(",").map((part) => part.trim())),
    z.array(z.string()),
  ])
  .pipe(z.array(z.string().regex(/^[^:\s]+:\d{1,5}$/, "expected host:port[,host:port…]")).min(1));

const schema = z.strictObject({
  grpc: z.strictObject({ addr: address.default("127.0.0.1:50051") }).prefault({}),
  http: z.strictObject({ addr: address.default("127.0.0.1:8080") }).prefault({}),
  data_dir: z.string().min(1, "expected the path of a folder").default(".stile"),
  // The name is fixed already; more than one process on a port is not built yet.
  workers: z.coerce
    .number()
    .refine((count) => count === 1, "expected 1, one process a server")
    .default(1),
  database_url: z
    .string()
    .max(0, "expected nothing: state is kept in the data directory")
    .default(""),
  bundle: bundleShape,
  bundles: bundlesShape,
  policy: policyShape,
  kafka: z.strictObject({ brokers: brokerList.optional() }).prefault({}),
  audit: z
    .strictObject({
      ack: z.enum(["journal", "synced", "kafka"]).default("journal"),
      max_bytes: z.coerce
        .number("expected a whole number of bytes")
        .int("expected a whole number of bytes")
        .min(16 * 1024 * 1024, "expected at least 16777216 (16 MiB)")
        .default(1024 * 1024 * 1024),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") })
    .prefault({}),
});

/** The configuration, checked and frozen. */
export interface Config {
  readonly grpcAddr: string;
  readonly httpAddr: string;
  readonly dataDir: string;
  /** The policies, `default` first. */
  readonly bundles: readonly BundleConfig[];
  /** Empty without Kafka. */
  readonly kafkaBrokers: readonly string[];
  readonly auditAck: "journal" | "synced" | "kafka";
  readonly auditBytesMax: number;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** Keys as environment variables name them, with the path each sets. */
const VARIABLES: ReadonlyMap<string, readonly string[]> = new Map([
  ["STILE_BUNDLE", ["bundle", "source"]],
  ...[
    ["grpc", "addr"],
    ["http", "addr"],
    ["data_dir"],
    ["workers"],
    ["database_url"],
    ["bundle", "key_id"],
    ["bundle", "scope"],
    ["policy", "steps_max"],
    ["policy", "memory_max_bytes"],
    ["kafka", "brokers"],
    ["audit", "ack"],
    ["audit", "max_bytes"],
    ["log", "level"],
  ].map((path): [string, readonly string[]] => [`STILE_${path.join("_").toUpperCase()}`, path]),
]);

/**
 * Reads `stile.yaml` and the environment, which wins.
 *
 * @param options.file path given on the command line; else `STILE_CONFIG`, else none.
 * @throws StileError `invalid_config`, naming the key or variable, what it held and what it takes.
 */
export function readConfig(options: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: string | undefined;
}): Config {
  const file = options.file ?? options.env["STILE_CONFIG"];
  const tree = file === undefined || file === "" ? {} : readFile(file);
  // A variable that sets the source must leave the keys that the file asks for.
  if (typeof tree["bundle"] === "string") tree["bundle"] = { source: tree["bundle"] };
  for (const [name, value] of Object.entries(options.env)) {
    if (!name.startsWith("STILE_") || name === "STILE_CONFIG" || value === undefined) continue;
    const path = VARIABLES.get(name);
    if (path === undefined) {
      throw new StileError(
        "invalid_config",
        `${name} is not a variable of Stile; there are ${[...VARIABLES.keys()].join(", ")}, STILE_CONFIG`,
      );
    }
    setAt(tree, path, value);
  }
  const result = schema.safeParse(tree);
  if (!result.success) throw configError(result.error, file, options.env, tree);
  return configOf(result.data);
}

function configOf(data: z.output<typeof schema>): Config {
  const config: Config = {
    grpcAddr: data.grpc.addr,
    httpAddr: data.http.addr,
    dataDir: data.data_dir,
    bundles: Object.freeze(bundlesOf(data)),
    kafkaBrokers: Object.freeze(data.kafka.brokers ?? []),
    auditAck: data.audit.ack,
    auditBytesMax: data.audit.max_bytes,
    logLevel: data.log.level,
  };
  if (config.auditAck === "kafka" && config.kafkaBrokers.length === 0) {
    throw new StileError(
      "invalid_config",
      'audit.ack is "kafka", but kafka.brokers is not set; set it, or take "journal" or "synced"',
    );
  }
  return Object.freeze(config);
}

type Tree = Record<string, unknown>;

function readFile(file: string): Tree {
  let parsed: unknown;
  try {
    parsed = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new StileError("invalid_config", `read the configuration ${file}`, { cause });
  }
  if (parsed === null || parsed === undefined) return {};
  if (!isJsonObject(parsed)) {
    throw new StileError(
      "invalid_config",
      `${file} holds no mapping; expected keys such as grpc, bundle`,
    );
  }
  return structuredClone(parsed);
}

function setAt(tree: Tree, path: readonly string[], value: string): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const inner: Tree = isJsonObject(tree[head]) ? { ...tree[head] } : {};
  tree[head] = inner;
  setAt(inner, rest, value);
}

function configError(
  error: z.ZodError,
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  tree: Tree,
): StileError {
  const issue = error.issues[0];
  if (issue === undefined)
    return new StileError("invalid_config", "the configuration is not valid");
  const path = issue.path.map(String);
  const place = file ?? "the configuration";
  if (issue.code === "unrecognized_keys") {
    const key = [...path, issue.keys[0]].join(".");
    const accepted = [...VARIABLES.values(), ["bundle", "keys"], ["bundles"]].map((known) =>
      known.join("."),
    );
    return new StileError(
      "invalid_config",
      `${key} in ${place} is not a key of Stile; there are ${accepted.join(", ")}`,
    );
  }
  const [variable, known] = [...VARIABLES].find(([, one]) => isPrefix(one, path)) ?? ["", path];
  const name = env[variable] === undefined ? known.join(".") : variable;
  return new StileError(
    "invalid_config",
    `${name} is ${JSON.stringify(valueAt(tree, known))}: ${issue.message}`,
  );
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.every((key, index) => path[index] === key);
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isJsonObject(at) ? at[key] : undefined), tree);
}
