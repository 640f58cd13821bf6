import type { PolicyRef } from "../core/decision.ts";
import { StileError } from "../core/errors.ts";
import type { Evaluation, Policy } from "../core/policy.ts";
import type { Bundle } from "./bundle-reader.ts";
import { createVerdictReader } from "./verdict-reader.ts";
import { DEFAULT_LIMITS, type HostLimits, WasmHost } from "./wasm-host.ts";
import { compilePolicy } from "./wasm-module.ts";

/** The entrypoint that every bundle must have. */
export const ENTRYPOINT = "stile/decision";

/** Compiled code is slow until the engine has seen it run. */
const WARMING_EVALUATIONS = 20;
const WARMING_STEPS_MAX = 1_000_000;

/** An open bundle, with what operators see of its engine. */
export interface OpenPolicy extends Policy {
  readonly host: { readonly restartCount: number; readonly memoryBytes: number };
}

/**
 * Opens a bundle: compiles the policy, loads the data, and evaluates a few times to warm it.
 *
 * @throws StileError `bundle_invalid`.
 */
export async function openPolicy(
  bundle: Bundle,
  name: string,
  limits: HostLimits = DEFAULT_LIMITS,
): Promise<OpenPolicy> {
  const host = new WasmHost(await compilePolicy(bundle.wasm), bundle.data, limits);
  const entrypoint = entrypointOf(host);
  const ref: PolicyRef = { name, revision: bundle.revision, digest: bundle.digest };
  const read = createVerdictReader();

  function evaluate(inputText: string, nowNs: string, seed: string): Evaluation {
    const env = { nowNs, seed, strict: false, memo: new Map<string, unknown>() };
    const result = host.evaluate(entrypoint, { kind: "json", text: inputText }, env);
    if (result.kind === "fault") return result;
    return { ...read(result.text), cost: result.cost };
  }
  for (let i = 0; i < WARMING_EVALUATIONS; i += 1) {
    if (evaluate("{}", "0", "").cost > WARMING_STEPS_MAX) break;
  }
  return { ref, features: bundle.features, host, evaluate };
}

function entrypointOf(host: WasmHost): number {
  const id = host.entrypoints.get(ENTRYPOINT);
  if (id !== undefined) return id;
  const present = [...host.entrypoints.keys()].join(", ");
  throw new StileError("bundle_invalid", `no entrypoint ${ENTRYPOINT}, there is ${present}`);
}
