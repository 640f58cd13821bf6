import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { StileError } from "../core/errors.ts";

const ALGORITHMS = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

/** Where a policy's bundle comes from, and what it must meet. */
export interface BundleConfig {
  /** Name of the policy. */
  readonly name: string;
  /** Path of a file or folder; "" is the pack that comes with Stile. */
  readonly source: string;
  /** Key id → key. Where there is one, a bundle that is not signed by one of them is refused. */
  readonly keys: ReadonlyMap<string, BundleKey>;
  /** Which of the keys to take; "" for the one that the signature names. */
  readonly keyId: string;
  /** What the signature must name as its scope; "" for none. */
  readonly scope: string;
  readonly stepsMax: number;
  readonly memoryBytesMax: number;
}

export interface BundleKey {
  readonly algorithm: (typeof ALGORITHMS)[number];
  /** PEM of a public key or certificate; the secret itself for HS256, HS384 and HS512. */
  readonly key: string;
}

const steps = wholeNumber("steps", 1_000, 2_000_000_000);
const memory = wholeNumber("bytes", 1024 * 1024, 2 * 1024 * 1024 * 1024);

/** The key `policy`: limits of one evaluation, for every bundle that has none of its own. */
export const policyShape = z
  .strictObject({
    steps_max: steps.default(1_000_000),
    memory_max_bytes: memory.default(256 * 1024 * 1024),
  })
  .prefault({});

/** The key `bundle`, and each entry of `bundles`; a text alone is its source. */
export const bundleShape = z.preprocess(
  (value) => (typeof value === "string" ? { source: value } : value),
  z
    .strictObject({
      source: z.string().default("").refine(isPath, "expected the path of a file or folder"),
      keys: z
        .record(
          z.string(),
          z.strictObject({
            algorithm: z.enum(ALGORITHMS),
            file: z.string().min(1, "expected the path of a key"),
          }),
        )
        .default({}),
      key_id: z.string().default(""),
      scope: z.string().default(""),
      steps_max: steps.optional(),
      memory_max_bytes: memory.optional(),
    })
    .prefault({}),
);

/** The key `bundles`, by name of the policy. */
export const bundlesShape = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "expected a name of letters and digits"),
    bundleShape,
  )
  .default({});

type Policy = z.output<typeof policyShape>;
type Bundle = z.output<typeof bundleShape>;

/**
 * @returns every bundle, `default` first.
 * @throws StileError `invalid_config` naming the key.
 */
export function bundlesOf(data: {
  readonly policy: Policy;
  readonly bundle: Bundle;
  readonly bundles: Readonly<Record<string, Bundle>>;
}): readonly BundleConfig[] {
  const { policy, bundle, bundles } = data;
  if (bundles["default"] !== undefined && bundle.source !== "") {
    throw invalid("bundle and bundles.default are both set; set one of them");
  }
  const entries = Object.entries({ default: bundle, ...bundles });
  return entries.map(([name, one]) => bundleOf(name, one, policy));
}

function bundleOf(name: string, bundle: Bundle, policy: Policy): BundleConfig {
  const keys = new Map(
    Object.entries(bundle.keys).map(([id, { algorithm, file }]) => [
      id,
      { algorithm, key: readKey(name, id, file) },
    ]),
  );
  if (name !== "default" && bundle.source === "") throw invalid(`bundles.${name} has no source`);
  if (keys.size > 0 && bundle.source === "") {
    throw invalid(`the bundle ${name} has keys and no source; the pack of Stile is not signed`);
  }
  if (keys.size === 0 && (bundle.scope !== "" || bundle.key_id !== "")) {
    throw invalid(`the bundle ${name} has scope or key_id and no keys; nothing would be checked`);
  }
  if (bundle.key_id !== "" && !keys.has(bundle.key_id)) {
    throw invalid(`the bundle ${name} has key_id "${bundle.key_id}", which is none of its keys`);
  }
  return Object.freeze({
    name,
    source: bundle.source,
    keys,
    keyId: bundle.key_id,
    scope: bundle.scope,
    stepsMax: bundle.steps_max ?? policy.steps_max,
    memoryBytesMax: bundle.memory_max_bytes ?? policy.memory_max_bytes,
  });
}

function readKey(name: string, id: string, file: string): string {
  try {
    return readFileSync(resolve(file), "utf8").trim();
  } catch (cause) {
    throw new StileError("invalid_config", `read the key ${id} of the bundle ${name}`, { cause });
  }
}

function isPath(source: string): boolean {
  return !/^[a-z]+:\/\//i.test(source);
}

function wholeNumber(of: string, min: number, max: number) {
  const wanted = `expected a whole number of ${of} from ${min} to ${max}`;
  return z.coerce.number(wanted).int(wanted).min(min, wanted).max(max, wanted);
}

function invalid(message: string): StileError {
  return new StileError("invalid_config", message);
}
