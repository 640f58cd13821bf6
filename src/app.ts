import { randomUUID, sign } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startCheckpoints } from "./audit/checkpoint.ts";
import { lockDirectory } from "./audit/directory-lock.ts";
import { type Audit, openAudit } from "./audit/open-audit.ts";
import type { BundleConfig } from "./config/bundle-config.ts";
import type { Config } from "./config/config.ts";
import type { AuditDraft, AuditTrail } from "./core/audit.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { entityKey } from "./core/decision.ts";
import { describeError, StileError } from "./core/errors.ts";
import type { FeatureDeclaration, Signal } from "./core/features.ts";
import type { BundleStatus } from "./core/policy.ts";
import type { Factors, StepUp } from "./core/step-up.ts";
import type { Log, Meter } from "./core/telemetry.ts";
import { createDecide, type Decide } from "./decide/decide.ts";
import { createFeatureState, type FeatureState } from "./features/feature-state.ts";
import { auditHandlers } from "./grpc/audit-service.ts";
import { decisionHandlers } from "./grpc/decision-service.ts";
import { factorHandlers } from "./grpc/factor-service.ts";
import { type FeatureIntake, featureHandlers } from "./grpc/feature-service.ts";
import { LiveStreams } from "./grpc/handlers.ts";
import { healthHandlers, Readiness } from "./grpc/health-service.ts";
import { policyHandlers } from "./grpc/policy-service.ts";
import { reflectionHandlers } from "./grpc/reflection-service.ts";
import { bindService, type ServiceBinding, serveGrpc } from "./grpc/server.ts";
import { stepUpHandlers } from "./grpc/step-up-service.ts";
import { type ReadinessCheck, serveHttp } from "./http/server.ts";
import type { FeatureSource } from "./kafka/feature-source.ts";
import type { KafkaRoom } from "./kafka/open-kafka.ts";
import { type BundleSource, type OpenPolicies, openPolicies } from "./policy/policies.ts";
import { createStepUp } from "./stepup/create-step-up.ts";
import { openFactorKey } from "./stepup/factor-key.ts";
import { openGrantKeys } from "./stepup/grant-keys.ts";
import { createSecretBox } from "./stepup/secret-box.ts";
import type { StepUpEvent } from "./stepup/step-up-event.ts";
import { openEmbeddedStore } from "./store/embedded-store.ts";
import { createPrometheusMeter } from "./telemetry/prometheus-meter.ts";
import {
  AuditService,
  DecisionService,
  FactorService,
  FeatureService,
  Health,
  PolicyService,
  ServerReflection,
  StepUpService,
} from "./wire/messages.ts";

/** The running service. */
export interface App {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** The bundle in force, for people. */
  readonly policyLine: string;
  /** Where the audit trail goes, for people. */
  readonly auditLine: string;
  /** Stops taking calls, ends those under way, makes the trail safe. */
  close(): Promise<void>;
}

/** The pack that comes with Stile, beside `src/` and `dist/`. */
export const SHIPPED_BUNDLE = join(import.meta.dirname, "../policies/sre.tar.gz");

const DRAIN_MS = 10_000;
const FLUSH_MS = 5_000;
const CHECKPOINT_MS = 60_000;

/**
 * Builds each room once, hands it its ports, and starts to serve.
 *
 * @throws StileError when any part cannot start; what had started is stopped again.
 */
export async function startApp(
  config: Config,
  parts: { readonly log: Log; readonly clock?: Clock },
): Promise<App> {
  const { log, clock = systemClock } = parts;
  const opened = new Closers(log);
  try {
    return await start(config, log, clock, opened);
  } catch (thrown) {
    await opened.closeAll();
    throw thrown;
  }
}

async function start(config: Config, log: Log, clock: Clock, opened: Closers): Promise<App> {
  const prometheus = createPrometheusMeter();
  const { meter } = prometheus;
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(config.dataDir, () => {
    log.error("data_dir_lost", { data_dir: config.dataDir });
    process.exit(1);
  });
  opened.add("lock", () => Promise.resolve(lock.release()));

  const kafka = await connectKafka(config, log, meter);
  if (kafka !== undefined) opened.add("kafka", () => kafka.close());
  const audit = openAudit({
    dataDir: config.dataDir,
    ack: config.auditAck,
    sink: kafka?.sink,
    bytesMax: config.auditBytesMax,
    log,
    meter,
    clock,
  });
  opened.add("audit", () => audit.close(FLUSH_MS));
  const { trail } = audit;
  const keysFolder = join(config.dataDir, "keys");
  const keys = openGrantKeys(keysFolder);
  const checkpoints = startCheckpoints({
    trail,
    head: () => audit.status(),
    sign: (text) => ({
      kid: keys.signing.kid,
      signature: sign(null, Buffer.from(text), keys.signing.key),
    }),
    everyMs: CHECKPOINT_MS,
    clock,
    log,
  });
  // Closed before the trail and after all that writes to it, so that it names the last record.
  opened.add("checkpoints", () => checkpoints.close());

  let features: FeatureState | undefined;
  const policies = await openPolicies({
    bundles: config.bundles.map(bundleSourceOf),
    log,
    meter,
    clock,
    onChange: (status) => {
      features?.redeclare(declarationsOf(policies));
      recordBundle(trail, log, clock, status);
    },
  });
  opened.add("policies", () => policies.close());
  const declarations = declarationsOf(policies);
  const state = createFeatureState({ declarations, meter, log });
  features = state;
  for (const status of policies.list()) recordBundle(trail, log, clock, status);

  const store = openEmbeddedStore({ folder: join(config.dataDir, "state"), clock, log, meter });
  opened.add("store", () => store.close());
  const { grants, challenges, stepUp, factors, jwks } = createStepUp({
    store,
    audit: trail,
    clock,
    log,
    meter,
    keys,
    box: createSecretBox(openFactorKey({ folder: keysFolder, given: "" })),
    onEvent: (event) => observeStepUp(state, event),
  });

  const decide = createDecide({
    policies,
    features: state,
    isFresh: (token) => state.applied(token),
    grants,
    challenges,
    audit: trail,
    clock,
    log,
    meter,
  });

  const live = new LiveStreams();
  const readiness = new Readiness();
  const rooms = { audit, clock, decide, factors, kafka, live, log, policies, state, stepUp };
  const source = kafka?.follow((updates) => void state.materialise(updates, clock.nowMs()));
  const http = await serveHttp(config.httpAddr, {
    readiness: () => ({
      ready: readiness.ready,
      checks: checksOf(policies, audit, source, readiness),
    }),
    metrics: prometheus,
    jwks,
    decider: decide,
    log,
  });
  opened.add("http", () => http.close());
  const grpc = await serveGrpc(config.grpcAddr, bindings({ ...rooms, readiness }));
  opened.add("grpc", async () => {
    readiness.set(false);
    live.endAll();
    await grpc.close(DRAIN_MS);
  });
  if (source === undefined) readiness.set(true);
  else void source.caughtUp.then(() => readiness.set(true));
  log.info("started", { grpc: grpc.address, http: http.address });
  recordLifecycle(trail, log, clock, "started");
  return {
    grpcAddress: grpc.address,
    httpAddress: http.address,
    policyLine: policyLineOf(policies),
    auditLine: auditLineOf(config),
    close: async () => {
      log.info("stopping");
      recordLifecycle(trail, log, clock, "stopping");
      await opened.closeAll();
      log.info("stopped");
    },
  };
}

/** @returns a bundle as the policy room opens it. */
export function bundleSourceOf(config: BundleConfig): BundleSource {
  const { name, source, keys, keyId, scope, stepsMax, memoryBytesMax } = config;
  return {
    name,
    source: source === "" ? SHIPPED_BUNDLE : source,
    limits: { stepsMax, memoryBytesMax },
    ...(keys.size === 0 ? {} : { signature: { keys, keyId, scope } }),
  };
}

/** What any of the policies declares; of two for one feature, that of the policy named first. */
function declarationsOf(policies: OpenPolicies): readonly FeatureDeclaration[] {
  const found = new Map<string, FeatureDeclaration>();
  for (const { policy } of policies.list()) {
    for (const feature of policies.current(policy.name)?.features ?? []) {
      const key = `${feature.entity}.${feature.name}`;
      if (!found.has(key)) found.set(key, feature);
    }
  }
  return [...found.values()];
}

interface Rooms {
  readonly audit: Audit;
  readonly clock: Clock;
  readonly decide: Decide;
  readonly factors: Factors;
  readonly kafka: KafkaRoom | undefined;
  readonly live: LiveStreams;
  readonly log: Log;
  readonly policies: OpenPolicies;
  readonly readiness: Readiness;
  readonly state: FeatureState;
  readonly stepUp: StepUp;
}

function bindings(rooms: Rooms): readonly ServiceBinding[] {
  const { audit, clock, decide, factors, kafka, live, log, policies, readiness, state, stepUp } =
    rooms;
  const intake = createIntake(state, kafka);
  const own = [
    bindService(DecisionService, decisionHandlers({ decider: decide, live, log })),
    bindService(StepUpService, stepUpHandlers({ stepUp, live, log })),
    bindService(FactorService, factorHandlers({ factors, log })),
    bindService(FeatureService, featureHandlers({ intake, inspector: state, clock, log })),
    bindService(PolicyService, policyHandlers({ policies, log })),
    bindService(AuditService, auditHandlers({ reader: audit, live, log })),
  ];
  const services = [...own.map(({ service }) => service), Health, ServerReflection];
  const names = new Set(services.map(({ typeName }) => typeName));
  return [
    ...own,
    bindService(Health, healthHandlers({ readiness, services: names, live, log })),
    bindService(ServerReflection, reflectionHandlers(services)),
  ];
}

/** Kafka's client is loaded only where brokers are configured: it costs start-up time. */
async function connectKafka(
  config: Config,
  log: Log,
  meter: Meter,
): Promise<KafkaRoom | undefined> {
  if (config.kafkaBrokers.length === 0) return undefined;
  const { openKafka } = await import("./kafka/open-kafka.ts");
  return openKafka({ brokers: config.kafkaBrokers, log, meter });
}

/** With Kafka, ready features go through the topic first and reach every replica. */
function createIntake(state: FeatureState, kafka: KafkaRoom | undefined): FeatureIntake {
  return {
    async put(updates, nowMs) {
      state.check(updates, nowMs);
      await kafka?.publishFeatures(updates);
      return state.put(updates, nowMs);
    },
    observe: (signals, nowMs) => Promise.resolve(state.observe(signals, nowMs)),
  };
}

/** A proof makes the device and the country known; a wrong code adds to the subject's friction. */
function observeStepUp(state: FeatureState, event: StepUpEvent): void {
  const signal: Signal = {
    id: `${event.challengeId}/${event.kind}/${event.timeMs}`,
    source: "stile",
    type: event.kind === "proven" ? "step_up_passed" : "step_up_failed",
    timeMs: event.timeMs,
    subject: entityKey(event.subject),
    data: event.context,
  };
  state.observe([signal], event.timeMs);
}

function checksOf(
  policies: OpenPolicies,
  audit: Audit,
  source: FeatureSource | undefined,
  readiness: Readiness,
): readonly ReadinessCheck[] {
  const bundles = policies.list();
  const { journalBytes, journalBytesMax, publisher } = audit.status();
  const failing = bundles.find(({ lastError }) => lastError !== "");
  const checks: ReadinessCheck[] = [
    {
      name: "policy",
      ready: bundles.length > 0,
      detail: failing === undefined ? policyLineOf(policies) : failing.lastError,
    },
    {
      name: "audit",
      ready: true,
      detail: `journal holds ${journalBytes} of ${journalBytesMax} bytes`,
    },
  ];
  if (publisher !== undefined) {
    checks.push({
      name: "kafka",
      ready: true,
      detail: `${publisher.unshippedRecords} audit records are not yet published`,
    });
  }
  if (source !== undefined) {
    checks.push({
      name: "features",
      ready: readiness.ready,
      detail: `${source.lag()} messages of the features topic are not yet read`,
    });
  }
  return checks;
}

function recordBundle(trail: AuditTrail, log: Log, clock: Clock, status: BundleStatus): void {
  const { policy, source } = status;
  const members = `"event":"activated","policy":${JSON.stringify(policy)},"source":${JSON.stringify(source)}`;
  record(trail, log, clock, "stile.bundle.v1", `policy:${policy.name}`, members);
}

function recordLifecycle(trail: AuditTrail, log: Log, clock: Clock, event: string): void {
  record(trail, log, clock, "stile.lifecycle.v1", "service:stile", `"event":"${event}"`);
}

function record(
  trail: AuditTrail,
  log: Log,
  clock: Clock,
  type: AuditDraft["type"],
  subject: string,
  members: string,
): void {
  const draft = { id: randomUUID(), type, timeMs: clock.nowMs(), subject, members };
  trail.append(draft, "journal", (outcome) => {
    if (outcome instanceof StileError) {
      log.error("event_not_recorded", { type, cause: describeError(outcome) });
    }
  });
}

function policyLineOf(policies: OpenPolicies): string {
  return policies
    .list()
    .map(
      ({ policy, source }) =>
        `${policy.name} ${policy.revision} (${policy.digest.slice(0, 19)}…) from ${source}`,
    )
    .join(", ");
}

function auditLineOf(config: Config): string {
  const { kafkaBrokers, dataDir, auditAck } = config;
  const topic =
    kafkaBrokers.length === 0 ? "" : `, then stile.audit.v1 on ${kafkaBrokers.join(", ")}`;
  return `journal in ${dataDir}${topic} (ack ${auditAck})`;
}

/** What was opened, closed in reverse. */
class Closers {
  readonly #log: Log;
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<void>): void {
    this.#closers.push({ name, close });
  }

  async closeAll(): Promise<void> {
    for (let one = this.#closers.pop(); one !== undefined; one = this.#closers.pop()) {
      try {
        await one.close();
      } catch (thrown) {
        this.#log.error("not_closed", { part: one.name, cause: describeError(thrown) });
      }
    }
  }
}
