import type { Clock } from "../core/clock.ts";
import { describeError, StileError } from "../core/errors.ts";
import type { BundleStatus, Policies, Policy } from "../core/policy.ts";
import type { Counter, Log, Meter } from "../core/telemetry.ts";
import { readBundle } from "./bundle-reader.ts";
import type { SignatureCheck } from "./bundle-signature.ts";
import { watchBundle } from "./bundle-watch.ts";
import { openPolicy } from "./open-policy.ts";
import { DEFAULT_LIMITS, type HostLimits } from "./wasm-host.ts";

/** The policy that a request without a name asks. */
export const DEFAULT_POLICY = "default";

export interface BundleSource {
  /** Name of the policy, `default` for the one asked without a name. */
  readonly name: string;
  /** Path of a tar.gz, or of a folder that holds its files. */
  readonly source: string;
  readonly limits?: HostLimits;
  /** Refuses bundles that are not signed so; default: signatures are not looked at. */
  readonly signature?: SignatureCheck;
}

export interface PoliciesOptions {
  readonly bundles: readonly BundleSource[];
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
  /** How often files are looked at besides being watched; default 2,000. */
  readonly pollMs?: number;
  /** How long files must stay unchanged before they are read; default 50. */
  readonly settleMs?: number;
  /** Called after a bundle has taken the place of another; not for the first ones. */
  readonly onChange?: (status: BundleStatus) => void;
}

export interface OpenPolicies extends Policies {
  /** Stops watching, and waits for a bundle that is being opened. */
  close(): Promise<void>;
}

/**
 * Opens the bundles and watches them. A changed bundle is opened beside the one in force and takes
 * its place in one assignment; one that does not open leaves the one in force, and is tried again
 * when it changes again.
 *
 * @throws StileError `bundle_invalid` when a bundle does not open at start, `invalid_config` when
 *   two have one name.
 */
export async function openPolicies(options: PoliciesOptions): Promise<OpenPolicies> {
  const slots = new Map<string, PolicySlot>();
  for (const bundle of options.bundles) {
    if (slots.has(bundle.name)) {
      throw new StileError("invalid_config", `two bundles have the name "${bundle.name}"`);
    }
    slots.set(bundle.name, await PolicySlot.open(bundle, options));
  }
  const watches = await Promise.all(
    [...slots.values()].map((slot) =>
      watchBundle({
        path: slot.source,
        pollMs: options.pollMs ?? 2_000,
        settleMs: options.settleMs ?? 50,
        onChange: () => slot.reload(),
      }),
    ),
  );
  return {
    current: (name) => slots.get(name === "" ? DEFAULT_POLICY : name)?.policy,
    list: () => Array.from(slots.values(), (slot) => slot.status()),
    async close() {
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

/** One name: the bundle in force, and why a newer one is not. */
class PolicySlot {
  readonly source: string;
  readonly #bundle: BundleSource;
  readonly #name: string;
  readonly #options: PoliciesOptions;
  readonly #activated: Counter;
  readonly #refused: Counter;
  #policy: Policy;
  #activatedAtMs: number;
  #lastError = "";

  static async open(bundle: BundleSource, options: PoliciesOptions): Promise<PolicySlot> {
    const policy = await openFrom(bundle, options);
    return new PolicySlot(bundle, options, policy);
  }

  constructor(bundle: BundleSource, options: PoliciesOptions, policy: Policy) {
    const { name, source } = bundle;
    this.#bundle = bundle;
    this.#name = name;
    this.source = source;
    this.#options = options;
    this.#policy = policy;
    this.#activatedAtMs = options.clock.nowMs();
    this.#activated = reloadCounter(options.meter, name, "activated");
    this.#refused = reloadCounter(options.meter, name, "refused");
    this.#report("bundle_opened");
  }

  get policy(): Policy {
    return this.#policy;
  }

  status(): BundleStatus {
    return {
      policy: this.#policy.ref,
      source: this.source,
      activatedAtMs: this.#activatedAtMs,
      lastError: this.#lastError,
    };
  }

  /** Takes the bundle as it is now. Never throws. */
  async reload(): Promise<void> {
    const { log, clock, onChange } = this.#options;
    const { source } = this;
    try {
      const next = await openFrom(this.#bundle, this.#options);
      this.#lastError = "";
      if (next.ref.digest === this.#policy.ref.digest) return;
      this.#policy = next;
      this.#activatedAtMs = clock.nowMs();
      this.#activated.add(1);
      this.#report("bundle_activated");
      onChange?.(this.status());
    } catch (thrown) {
      this.#lastError = describeError(thrown);
      this.#refused.add(1);
      log.error("bundle_refused", { policy: this.#name, source, reason: this.#lastError });
    }
  }

  #report(event: string): void {
    const { revision, digest } = this.#policy.ref;
    this.#options.log.info(event, { policy: this.#name, source: this.source, revision, digest });
  }
}

function reloadCounter(meter: Meter, policy: string, outcome: "activated" | "refused"): Counter {
  const help = "Changed bundles, by what became of them.";
  return meter.counter("stile_bundle_reloads_total", help, { policy, outcome });
}

async function openFrom(bundle: BundleSource, { clock }: PoliciesOptions): Promise<Policy> {
  const { name, source, signature: check, limits } = bundle;
  const signed = check === undefined ? undefined : { check, nowMs: clock.nowMs() };
  try {
    return await openPolicy(await readBundle(source, signed), name, limits ?? DEFAULT_LIMITS);
  } catch (thrown) {
    const message = `open bundle ${source} of policy "${name}"`;
    throw new StileError("bundle_invalid", message, { cause: thrown });
  }
}
