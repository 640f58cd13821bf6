import type { FeatureUpdate, Signal } from "../../src/core/features.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Question } from "../../src/wire/decision-answer.ts";

/** One question of the mix, and what the shipped pack answers at any hour. */
export interface Input {
  readonly question: Question;
  readonly outcome: "allow" | "deny" | "step_up";
  /** Code of the first reason. */
  readonly reason: string;
}

interface Person {
  readonly type: string;
  readonly id: string;
  /** Told by the caller where the pack's data names no role for the subject. */
  readonly roles?: readonly string[];
  readonly device?: string;
  readonly country?: string;
  readonly ip: string;
}

const PEOPLE = {
  ada: { type: "user", id: "ada", device: "laptop-ada", country: "NL", ip: "192.0.2.7" },
  bo: { type: "user", id: "bo", device: "laptop-bo", country: "SE", ip: "192.0.2.8" },
  cleo: { type: "user", id: "cleo", device: "laptop-cleo", country: "PT", ip: "192.0.2.9" },
  dov: { type: "user", id: "dov", device: "laptop-dov", country: "NL", ip: "192.0.2.10" },
  esra: { type: "user", id: "esra", device: "laptop-esra", country: "DE", ip: "192.0.2.11" },
  finn: { type: "user", id: "finn", device: "laptop-finn", country: "IE", ip: "192.0.2.12" },
  imre: {
    type: "user",
    id: "imre",
    roles: ["on_call", "viewer"],
    device: "laptop-imre",
    country: "HU",
    ip: "198.51.100.4",
  },
  noor: {
    type: "user",
    id: "noor",
    roles: ["senior_engineer"],
    device: "laptop-noor",
    country: "NL",
    ip: "198.51.100.5",
  },
  guest: { type: "user", id: "guest", device: "laptop-guest", country: "FR", ip: "203.0.113.2" },
  ci: { type: "service", id: "ci-deployer", ip: "198.51.100.20" },
} as const satisfies Record<string, Person>;

/** Nobody has used it yet; device management knows that it is ours. */
const NEW_DEVICE = "laptop-new";
const INCIDENT = "inc-2041";
const SERVICES = ["payments", "search", "checkout", "identity"] as const;
/** Under a change freeze. */
const FROZEN = "ledger";
const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

type Name = keyof typeof PEOPLE;
type Want = readonly [outcome: Input["outcome"], reason: string];

const harmless = ["allow", "harmless"] as const;
const permitted = ["allow", "permitted"] as const;

/** Who, does what, with the pack's answer; the resource and further members of the context. */
type Row = readonly [Name, string, Want, { readonly on?: string; readonly context?: JsonObject }?];

// 8 harmless, 12 low, 14 sensitive and allowed, 4 denied, 2 asked to step up: 1 in 20, on few
// subjects, as each opens or finds a challenge in the store. Nothing critical: a critical answer
// waits for the disk, which is another measurement.
const ROWS: readonly Row[] = [
  ["ada", "dashboard.read", harmless],
  ["ada", "log.read", permitted],
  ["ada", "deploy.production", permitted, { context: { change: "chg-118" } }],
  ["imre", "alert.acknowledge", permitted],
  ["cleo", "service.failover", ["allow", "incident_declared"], { context: { incident: INCIDENT } }],
  ["bo", "status.read", harmless],
  ["bo", "metrics.query", permitted],
  ["noor", "process.restart", permitted],
  ["dov", "firewall.change", ["deny", "not_permitted"]],
  ["finn", "audit.read", permitted],
  ["esra", "deploy.status", harmless],
  ["imre", "k8s.get", permitted],
  ["imre", "node.drain", permitted, { on: "node:worker-17" }],
  ["ci", "deploy.production", permitted, { context: { change: "chg-121" } }],
  ["noor", "trace.read", permitted],
  ["finn", "alert.read", harmless],
  ["finn", "firewall.change", permitted, { on: "firewall:edge-1" }],
  [
    "ada",
    "deploy.production",
    ["step_up", "device_unknown"],
    { context: { device_id: NEW_DEVICE } },
  ],
  ["cleo", "incident.comment", permitted, { on: `incident:${INCIDENT}` }],
  ["noor", "secret.read", permitted, { on: "secret:payments-api" }],
  ["dov", "runbook.read", harmless],
  ["dov", "config.read", permitted],
  ["guest", "deploy.production", ["deny", "no_role"]],
  ["ada", "feature_flag.change", permitted],
  ["esra", "release.approve", permitted],
  ["imre", "schedule.read", harmless],
  ["ci", "deploy.staging", permitted, { context: { change: "chg-122" } }],
  ["imre", "database.query", permitted, { on: "database:orders" }],
  ["ada", "deploy.production", ["deny", "change_freeze"], { on: `service:${FROZEN}` }],
  ["noor", "queue.inspect", permitted],
  ["cleo", "incident.read", harmless],
  ["cleo", "process.pause", ["allow", "incident_declared"], { context: { incident: INCIDENT } }],
  ["bo", "process.restart", ["step_up", "junior_role"]],
  ["esra", "deploy.plan", permitted],
  ["ada", "k8s.exec", permitted, { on: "pod:payments-7f9c" }],
  ["noor", "catalogue.read", harmless],
  ["ci", "deploy.canary", ["deny", "change_required"]],
  ["finn", "certificate.read", permitted],
  ["imre", "service.scale", permitted],
  ["ada", "backup.list", permitted],
];

/** The mix: every contestant answers these, in this order, again and again. */
export const INPUTS: readonly Input[] = ROWS.map(inputOf);

function inputOf([name, action, [outcome, reason], more]: Row, index: number): Input {
  const person: Person = PEOPLE[name];
  const [type = "", id = ""] = (more?.on ?? serviceAt(index)).split(":");
  return {
    question: {
      subject: {
        type: person.type,
        id: person.id,
        ...(person.roles === undefined ? {} : { properties: { roles: person.roles } }),
      },
      action: { name: action },
      resource: { type, id, properties: { environment: "production", tier: 1 } },
      context: { ...contextOf(person), ...more?.context },
    },
    outcome,
    reason,
  };
}

function contextOf({ id, device, country, ip }: Person): JsonObject {
  if (device === undefined || country === undefined) return { ip, pipeline: "main/4711" };
  return { device_id: device, session_id: `session-${id}`, ip, country, user_agent: USER_AGENT };
}

function serviceAt(index: number): string {
  return `service:${SERVICES[index % SERVICES.length] ?? ""}`;
}

const MINUTE_MS = 60_000;

/** Values that the mix reads; they age, so they are given again before each round. */
export function updatesAt(nowMs: number): readonly FeatureUpdate[] {
  const given = (
    entity: FeatureUpdate["entity"],
    id: string,
    name: string,
    value: boolean | number,
  ): FeatureUpdate => ({ entity, id, name, value, eventTimeMs: nowMs });
  const people: readonly Person[] = Object.values(PEOPLE);
  const resources = new Set(INPUTS.map(({ question: { resource } }) => resource));
  return [
    ...people.flatMap(({ type, id }) => [
      given("subject", `${type}:${id}`, "risk_score", 0.1),
      given("subject", `${type}:${id}`, "impossible_travel", false),
    ]),
    // A managed device lifts the pack's working hours: the answers hold at night too.
    ...[...people.flatMap(({ device }) => device ?? []), NEW_DEVICE].map((device) =>
      given("device", device, "managed", true),
    ),
    ...[...resources].map(({ type, id }) =>
      given("resource", `${type}:${id}`, "change_freeze", id === FROZEN),
    ),
  ];
}

/**
 * What happened before: all of it outside the windows that count, so that each count is a known 0,
 * each device and country but the new one is known, and one incident is open.
 */
export function signalsAt(nowMs: number): readonly Signal[] {
  const people: readonly Person[] = Object.values(PEOPLE);
  const happened = (type: string, subject: string, agoMs: number, data: JsonObject): Signal => ({
    id: `${type}/${subject}/${nowMs}`,
    source: "bench",
    type,
    timeMs: nowMs - agoMs,
    subject,
    data,
  });
  const before = people.flatMap(({ type, id, device, country, ip }) => {
    const subject = `${type}:${id}`;
    return [
      happened("login_failed", subject, 40 * MINUTE_MS, { ip }),
      happened("step_up_failed", subject, 120 * MINUTE_MS, {}),
      ...(device === undefined || country === undefined
        ? []
        : [
            happened("device_seen", subject, 60 * MINUTE_MS, { device_id: device }),
            happened("login_succeeded", subject, 60 * MINUTE_MS, { country, ip }),
          ]),
    ];
  });
  return [...before, happened("incident_opened", "", 30 * MINUTE_MS, { incident: INCIDENT })];
}
