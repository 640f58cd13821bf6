import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSync } from "otplib";
import type { AuditDraft, AuditTrail } from "../../src/core/audit.ts";
import type { DecisionRequest, StepUpDemand } from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import type { ChallengeAsk, SubjectName } from "../../src/core/step-up.ts";
import type { StateStore } from "../../src/core/store.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { createStepUp } from "../../src/stepup/create-step-up.ts";
import { openGrantKeys } from "../../src/stepup/grant-keys.ts";
import { createSecretBox } from "../../src/stepup/secret-box.ts";
import type { StepUpSettings } from "../../src/stepup/settings.ts";
import type { StepUpEvent } from "../../src/stepup/step-up-event.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { createFakeClock, type FakeClock } from "../store/fake-clock.ts";

export const ALICE: SubjectName = { type: "user", id: "alice@example.com" };
export const BOB: SubjectName = { type: "user", id: "bob@example.com" };

/** An audit trail in memory. */
export interface FakeTrail extends AuditTrail {
  readonly drafts: AuditDraft[];
  /** Name of the event of each draft, in order. */
  events(): string[];
  /** What a draft records, as an object. */
  membersOf(draft: AuditDraft | undefined): JsonObject;
  /** While true, nothing can be recorded. */
  failing: boolean;
}

export function createFakeTrail(): FakeTrail {
  const drafts: AuditDraft[] = [];
  const membersOf = (draft: AuditDraft | undefined): JsonObject => {
    const parsed: unknown = JSON.parse(`{${draft?.members ?? ""}}`);
    return isJsonObject(parsed) ? parsed : {};
  };
  const trail: FakeTrail = {
    drafts,
    failing: false,
    membersOf,
    events: () => drafts.map((draft) => eventIn(membersOf(draft))),
    append(draft, _ack, recorded) {
      setImmediate(() => {
        if (trail.failing) {
          recorded(new StileError("audit_unavailable", "the journal is full"));
          return;
        }
        drafts.push(draft);
        recorded({ instance: "test", sequence: drafts.length, hash: Buffer.alloc(32) });
      });
    },
  };
  return trail;
}

function eventIn(members: JsonObject): string {
  const { event } = members;
  return typeof event === "string" ? event : "";
}

export interface OpenStore {
  readonly store: StateStore;
  readonly remove: () => Promise<void>;
}

export function openMemory(clock: FakeClock): OpenStore {
  const store = new MemoryStore({ clock });
  return { store, remove: () => store.close() };
}

export function openEmbedded(clock: FakeClock): OpenStore {
  const folder = mkdtempSync(join(tmpdir(), "stile-stepup-"));
  const store = openEmbeddedStore({ folder, clock, log: silentLog, meter: silentMeter });
  return {
    store,
    remove: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The stores that the room is tested on. */
export const STORES = [
  ["memory", openMemory],
  ["embedded", openEmbedded],
] as const;

const FACTOR_KEY = Buffer.alloc(32, 7);

/** Builds the room on a store, with a clock moved by hand and a trail in memory. */
export function openRoom(
  openStore: (clock: FakeClock) => OpenStore,
  settings: Partial<StepUpSettings> = {},
) {
  const clock = createFakeClock();
  const { store, remove } = openStore(clock);
  const folder = mkdtempSync(join(tmpdir(), "stile-keys-"));
  const keys = openGrantKeys(folder);
  const trail = createFakeTrail();
  const events: StepUpEvent[] = [];
  const parts = {
    store,
    audit: trail,
    clock,
    log: silentLog,
    meter: silentMeter,
    keys,
    box: createSecretBox(FACTOR_KEY),
    onEvent: (event: StepUpEvent) => void events.push(event),
    sleep: (_ms: number, signal: AbortSignal) =>
      new Promise<void>((done) => {
        setTimeout(done, 5);
        signal.addEventListener("abort", () => done());
      }),
  };
  return {
    ...createStepUp({ ...parts, settings }),
    clock,
    store,
    keys,
    trail,
    events,
    parts,
    /** Another process on the same store and keys. */
    replica: (other: Partial<StepUpSettings> = {}) =>
      createStepUp({ ...parts, settings: { ...settings, ...other } }),
    async close() {
      await remove();
      rmSync(folder, { recursive: true });
    },
  };
}

export type Room = ReturnType<typeof openRoom>;

/** @returns the code that an authenticator shows, `steps` time steps from now. */
export function codeAt(clock: FakeClock, secret: string, steps = 0): string {
  const epoch = Math.floor(clock.nowMs() / 1000) + steps * 30;
  return generateSync({ secret, epoch });
}

/** @returns a code that is right neither now nor one step early or late. */
export function wrongCode(clock: FakeClock, secret: string): string {
  const right = [-1, 0, 1].map((steps) => codeAt(clock, secret, steps));
  const candidates = ["000000", "111111", "222222", "333333"];
  return candidates.find((code) => !right.includes(code)) ?? "";
}

/** Enrols a subject and waits until the code used for it is no longer the current one. */
export async function enrol(room: Room, subject: SubjectName = ALICE): Promise<string> {
  const { enrolmentId, secret } = await room.factors.beginTotp(subject, "");
  await room.factors.confirmTotp(enrolmentId, codeAt(room.clock, secret));
  room.clock.moveMs(60_000);
  return secret;
}

export const DEMAND: StepUpDemand = {
  amr: ["otp"],
  acr: "aal2",
  maxAgeS: 600,
  methods: ["totp"],
  bind: "action",
  once: false,
};

/** @returns a request of Alice to deploy, with the changes given. */
export function requestOf(changes: Partial<DecisionRequest> = {}): DecisionRequest {
  const context = changes.context ?? { device_id: "laptop-7", ip: "192.0.2.1" };
  return {
    subject: { ...ALICE, properties: undefined },
    action: { name: "deploy.production", properties: { image: "payments:1.2.3" } },
    resource: { type: "service", id: "payments", properties: { env: "prod" } },
    contextText: JSON.stringify(context),
    policy: "",
    grants: [],
    atLeastAsFresh: "",
    requestId: "",
    ...changes,
    context,
  };
}

export function askOf(
  room: Pick<Room, "clock">,
  changes: Partial<DecisionRequest> = {},
  demand: Partial<StepUpDemand> = {},
): ChallengeAsk {
  return {
    request: requestOf(changes),
    demand: { ...DEMAND, ...demand },
    reasons: [{ code: "new_device", message: "The device is new." }],
    policy: { name: "sre", revision: "1", digest: `sha256:${"0".repeat(64)}` },
    decisionId: "d-1",
    nowMs: room.clock.nowMs(),
  };
}

/** Opens a challenge and proves it. @returns the grant's token. */
export async function earn(
  room: Room,
  secret: string,
  changes: Partial<DecisionRequest> = {},
  demand: Partial<StepUpDemand> = {},
): Promise<string> {
  const { id } = await room.challenges.open(askOf(room, changes, demand));
  const { token } = await room.stepUp.verify(id, codeAt(room.clock, secret));
  room.clock.moveMs(30_000);
  return token;
}

/** @returns what the policy would read for the request with these grants. */
export async function authnFor(
  room: Pick<Room, "grants" | "clock">,
  tokens: readonly string[],
  changes: Partial<DecisionRequest> = {},
) {
  await room.grants.learn(tokens);
  return room.grants.authn(requestOf({ ...changes, grants: tokens }), room.clock.nowMs(), []);
}

/** @returns the codes of the errors, and "ok" for each that was none. */
export async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((each) => {
    if (each.status === "fulfilled") return "ok";
    const reason: unknown = each.reason;
    return reason instanceof StileError ? reason.code : String(reason);
  });
}
