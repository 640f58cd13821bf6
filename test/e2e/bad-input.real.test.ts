import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { requestFromQuestion } from "../../src/wire/decision-answer.ts";
import {
  AuditService,
  DecisionService,
  FactorService,
  FeatureService,
  Health,
  StepUpService,
} from "../../src/wire/messages.ts";
import { ALLOWED, ASKED, DENIED, type Failure, failureFrom, failureOf } from "./questions.ts";
import { type RawClient, rawClient } from "./raw-call.ts";
import { type StileServer, startStile } from "./stile-server.ts";

interface Fields {
  readonly subject?: { readonly type?: string; readonly id?: string };
  readonly action?: { readonly name?: string; readonly properties?: JsonObject };
  readonly resource?: { readonly type?: string; readonly id?: string };
  readonly context?: JsonObject;
  readonly contextJson?: Uint8Array;
  readonly policy?: string;
  readonly grants?: string[];
  readonly atLeastAsFresh?: string;
  readonly requestId?: string;
}
type Call = (at: { readonly client: StileClient; readonly raw: RawClient }) => Promise<unknown>;
/** What is called bad, the call, and how it must fail: status, reason, fields. */
type Row = readonly [string, Call, string, string, readonly string[]];

const { subject, action, resource } = ALLOWED;
const good: Fields = {
  subject: { type: subject.type, id: subject.id },
  action: { name: action.name },
  resource: { type: resource.type, id: resource.id },
};
const without = (key: keyof Fields): Fields => {
  const { [key]: _, ...rest } = good;
  return rest;
};
const times = <Item>(count: number, item: Item): Item[] =>
  Array.from({ length: count }, () => item);
const long = (chars: number): string => "x".repeat(chars);
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
const bytesOf = (text: string): Uint8Array => Buffer.from(text);

const decide =
  (changes: Fields, base = good): Call =>
  ({ client }) =>
    client.connection.unary(DecisionService, "decide", { ...base, ...changes });
const withJson = (text: string): Call => decide({ contextJson: bytesOf(text) });
const batch =
  (requests: readonly Fields[]): Call =>
  ({ client }) =>
    client.connection.unary(DecisionService, "decideBatch", { requests: [...requests] });
const bytes =
  (path: string, message: Uint8Array): Call =>
  ({ raw }) =>
    raw.unary(path, message);

const named = { type: "user", id: "ada" };
const INVALID = "INVALID_ARGUMENT";
const invalid = (what: string, call: Call, ...fields: readonly string[]): Row => [
  what,
  call,
  INVALID,
  "invalid_request",
  fields,
];

const REQUESTS: readonly Row[] = [
  invalid("no subject", decide({}, without("subject")), "subject"),
  invalid("no action", decide({}, without("action")), "action"),
  invalid("no resource", decide({}, without("resource")), "resource"),
  invalid(
    "nothing",
    bytes("/stile.v1.DecisionService/Decide", bytesOf("")),
    "subject",
    "resource",
    "action",
  ),
  invalid("a subject of no type", decide({ subject: { type: "", id: "ada" } }), "subject.type"),
  invalid("a subject of no id", decide({ subject: { type: "user", id: "" } }), "subject.id"),
  invalid("an action of no name", decide({ action: { name: "" } }), "action.name"),
  invalid("a resource of nothing", decide({ resource: {} }), "resource.type", "resource.id"),
  invalid("a long type", decide({ subject: { type: long(257), id: "a" } }), "subject.type"),
  invalid("a long id", decide({ subject: { type: "user", id: long(513) } }), "subject.id"),
  invalid("a long action", decide({ action: { name: long(257) } }), "action.name"),
  invalid("a long resource", decide({ resource: { type: "s", id: long(513) } }), "resource.id"),
  invalid("a long policy", decide({ policy: long(129) }), "policy"),
  invalid("a long request id", decide({ requestId: long(129) }), "request_id"),
  invalid("a NUL in an id", decide({ subject: { type: "user", id: "a\u0000b" } }), "subject.id"),
  invalid("nine grants", decide({ grants: Array<string>(9).fill("g") }), "grants"),
  invalid("a long grant", decide({ grants: ["g", long(4_097)] }), "grants[1]"),
  invalid("a long freshness token", decide({ atLeastAsFresh: long(257) }), "at_least_as_fresh"),
  invalid("no freshness token", decide({ atLeastAsFresh: "soon" }), "at_least_as_fresh"),
  [
    "a freshness token of another server",
    decide({ atLeastAsFresh: "f1.0123456789ab.1" }),
    "FAILED_PRECONDITION",
    "not_fresh",
    [],
  ],
  ["an unknown policy", decide({ policy: "nothing" }), "NOT_FOUND", "unknown_policy", []],
  invalid(
    "a context in two forms",
    decide({ context: {}, contextJson: bytesOf("{}") }),
    "context_json",
  ),
  invalid("a huge context", withJson(`{"a":"${long(65_529)}"}`), "context_json"),
  invalid("a huge Struct", decide({ context: { a: long(65_536) } }), "context"),
  invalid("a deep context", withJson(nested(33)), "context_json"),
  invalid("a very deep context", withJson(nested(10_000)), "context_json"),
  invalid("a deep Struct", decide({ context: { a: structOf(32) } }), "context"),
  invalid(
    "deep parameters",
    decide({ action: { name: "a", properties: structOf(33) } }),
    "action.properties",
  ),
  invalid(
    "invalid UTF-8",
    decide({ contextJson: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d) }),
    "context_json",
  ),
  invalid("invalid JSON", withJson('{"a":}'), "context_json"),
  invalid("cut JSON", withJson('{"a":1'), "context_json"),
  invalid("two JSON texts", withJson("{}{}"), "context_json"),
  invalid("a JSON list", withJson("[]"), "context_json"),
  invalid("a JSON null", withJson("null"), "context_json"),
  invalid("a JSON string", withJson('"a"'), "context_json"),
  invalid(
    "bytes that are no message",
    bytes("/stile.v1.DecisionService/Decide", Uint8Array.of(0x0a, 0xff, 0xff)),
  ),
  invalid(
    "a string that is no UTF-8",
    bytes("/stile.v1.DecisionService/Decide", Uint8Array.of(0x32, 2, 0xff, 0xfe)),
  ),
  invalid("an empty batch", batch([]), "requests"),
  invalid("a batch of 1,001", batch(times(1_001, good)), "requests"),
  invalid(
    "a batch with two that are bad",
    batch([good, { ...good, policy: long(129) }, {}]),
    "requests[1].policy",
  ),
  [
    "a method that is not there",
    bytes("/stile.v1.DecisionService/Nothing", bytesOf("")),
    "UNIMPLEMENTED",
    "",
    [],
  ],
];

const put =
  (...updates: readonly object[]): Call =>
  ({ client }) =>
    client.connection.clientStream(FeatureService, "putFeatures", [{ updates: [...updates] }]);
const value = (kind: object) => ({ value: { kind } });
const update = {
  entity: "subject",
  id: "user:ada",
  name: "risk_score",
  ...value({ case: "numberValue", value: 0.5 }),
};
const observe =
  (...signals: readonly object[]): Call =>
  ({ client }) =>
    client.connection.clientStream(FeatureService, "observe", [{ signals: [...signals] }]);
const signal = { id: "1", source: "test", type: "login_failed", subject: "user:ada" };
const longAgo = { seconds: 1n, nanos: 0 };
const farAhead = { seconds: 9_000_000_000n, nanos: 0 };

const FEATURES: readonly Row[] = [
  invalid("an unknown entity", put({ ...update, entity: "planet" }), "updates[0].entity"),
  [
    "an undeclared feature",
    put(update, { ...update, name: "mood" }),
    INVALID,
    "undeclared_feature",
    ["updates[1].name"],
  ],
  invalid(
    "a feature made from signals",
    put({ ...update, name: "known_devices" }),
    "updates[0].name",
  ),
  invalid(
    "a text for a number",
    put({ ...update, ...value({ case: "stringValue", value: "1" }) }),
    "updates[0].value",
  ),
  invalid(
    "a NaN",
    put({ ...update, ...value({ case: "numberValue", value: Number.NaN }) }),
    "updates[0].value",
  ),
  invalid("no value", put({ ...update, value: undefined }), "updates[0].value"),
  invalid(
    "an object for a value",
    put({ ...update, ...value({ case: "structValue", value: {} }) }),
    "updates[0].value",
  ),
  invalid("an id of no type", put({ ...update, id: "ada" }), "updates[0].id"),
  invalid("a long feature id", put({ ...update, id: `user:${long(512)}` }), "updates[0].id"),
  invalid(
    "an event before all memory",
    put({ ...update, eventTime: longAgo }),
    "updates[0].event_time",
  ),
  invalid("an event far ahead", put({ ...update, eventTime: farAhead }), "updates[0].event_time"),
  invalid("1,001 updates", put(...times(1_001, update)), "updates"),
  invalid("bytes that are no updates", ({ raw }) =>
    raw.clientStream("/stile.v1.FeatureService/PutFeatures", [Uint8Array.of(0x0a, 0xff)]),
  ),
  invalid("a signal of no id", observe({ ...signal, id: "" }), "signals[0].id"),
  invalid("a signal of no source", observe({ ...signal, source: "" }), "signals[0].source"),
  invalid("a signal of no type", observe({ ...signal, type: "" }), "signals[0].type"),
  invalid(
    "a signal of an unnamed subject",
    observe({ ...signal, subject: "ada" }),
    "signals[0].subject",
  ),
  invalid(
    "a signal of an address that is a number",
    observe(signal, { ...signal, data: { ip: 7 } }),
    "signals[1].data.ip",
  ),
  invalid("a signal far ahead", observe({ ...signal, time: farAhead }), "signals[0].time"),
  invalid("1,001 signals", observe(...times(1_001, signal)), "signals"),
  invalid(
    "features of an unknown entity",
    ({ client }) => client.connection.unary(FeatureService, "getFeatures", { entity: "planet" }),
    "entity",
  ),
];

const verify =
  (challengeId: string, code: string): Call =>
  ({ client }) =>
    client.verify(challengeId, code);
const unknownChallenge = (what: string, call: Call): Row => [
  what,
  call,
  "NOT_FOUND",
  "unknown_challenge",
  [],
];

const STEP_UPS: readonly Row[] = [
  invalid("a code of letters", verify("c", "abcdef"), "code"),
  invalid("a code of five digits", verify("c", "12345"), "code"),
  invalid("a code of seven digits", verify("c", "1234567"), "code"),
  invalid("a code of digits that are not ASCII", verify("c", "١٢٣٤٥٦"), "code"),
  invalid("no code", verify("c", ""), "code"),
  unknownChallenge("an unknown challenge", verify("c", "123456")),
  unknownChallenge("no challenge", verify("", "123456")),
  unknownChallenge("a long challenge", verify(long(100_000), "123456")),
  unknownChallenge("a path for a challenge", verify("../../factor/a\u0000b", "123456")),
  unknownChallenge("an unknown challenge to look at", ({ client }) =>
    client.connection.unary(StepUpService, "getChallenge", { challengeId: "c" }),
  ),
  unknownChallenge("an unknown challenge to reject", ({ client }) =>
    client.connection.unary(StepUpService, "reject", { challengeId: "c" }),
  ),
  unknownChallenge("an unknown challenge to watch", async ({ client }) => {
    const watch = client.connection.serverStream(StepUpService, "watch", { challengeId: "c" });
    return watch.next();
  }),
  [
    "a proof by one who has no factor",
    async ({ client }) => {
      const answer = await client.decide(ASKED);
      if (answer.kind !== "step_up") throw new Error(`the answer is ${answer.kind}`);
      return client.verify(answer.challenge.id, "123456");
    },
    "FAILED_PRECONDITION",
    "no_factor",
    [],
  ],
  invalid(
    "an enrolment of nobody",
    ({ client }) => client.beginTotp({ type: "", id: "" }),
    "subject_type",
    "subject_id",
  ),
  invalid(
    "an enrolment of a long name",
    ({ client }) => client.beginTotp({ type: "user", id: long(513) }),
    "subject_id",
  ),
  invalid(
    "an enrolment by a code of letters",
    ({ client }) => client.beginTotp(named, "abcdef"),
    "current_code",
  ),
  [
    "an unknown enrolment",
    ({ client }) => client.confirmTotp("e", "123456"),
    "NOT_FOUND",
    "unknown_enrolment",
    [],
  ],
  [
    "a long enrolment",
    ({ client }) => client.confirmTotp(long(100_000), "123456"),
    "NOT_FOUND",
    "unknown_enrolment",
    [],
  ],
  invalid(
    "an enrolment confirmed by letters",
    ({ client }) => client.confirmTotp("e", "abcdef"),
    "code",
  ),
  invalid(
    "the factors of nobody",
    ({ client }) => client.connection.unary(FactorService, "list", {}),
    "subject_type",
    "subject_id",
  ),
  [
    "an unknown factor to remove",
    ({ client }) =>
      client.connection.unary(FactorService, "remove", {
        subjectType: "user",
        subjectId: "ada",
        factorId: "f",
        code: "123456",
      }),
    "NOT_FOUND",
    "unknown_factor",
    [],
  ],
  invalid(
    "more of the trail than is given at once",
    async ({ client }) => {
      const request = { last: 10_001, follow: false, subject: "" };
      return client.connection.serverStream(AuditService, "tail", request).next();
    },
    "last",
  ),
  [
    "the health of an unknown service",
    ({ client }) => client.connection.unary(Health, "check", { service: "stile.v1.Nothing" }),
    "NOT_FOUND",
    "unknown_service",
    [],
  ],
];

describe("bad input to the running server", () => {
  let server: StileServer;
  let client: StileClient;
  let raw: RawClient;
  beforeAll(async () => {
    server = await startStile();
    client = server.client();
    raw = rawClient(server.grpcAddress);
  });
  afterAll(async () => {
    raw.close();
    await server.stop();
  });

  it.each([...REQUESTS, ...FEATURES, ...STEP_UPS])(
    "refuses %s",
    async (_, call, status, reason, fields) => {
      const failure = await failureOf(call({ client, raw }));
      expect(failure).toMatchObject({ status, reason, fields });
      expectToBeClear(failure);
      expect((await client.decide(ALLOWED)).kind).toBe("allow");
      expect(server.log()).not.toContain("call_failed");
    },
  );

  it.each([
    ["half of a surrogate pair", '{"device_id":"\\ud800","country":"NL"}'],
    ["a number beyond all doubles", '{"device_id":1e400}'],
    ["a number of 5,000 digits", `{"n":${"9".repeat(5_000)}}`],
    ["names that JavaScript gives to all objects", '{"__proto__":{"a":1},"constructor":{"b":2}}'],
    ["the same key twice", '{"device_id":"a","device_id":"b"}'],
    ["32 levels", nested(32)],
    [
      "ten thousand keys",
      `{${Array.from({ length: 5_000 }, (_, index) => `"${index}":0`).join()}}`,
    ],
  ])("never allows a sensitive action for a context of %s", async (_, text) => {
    const message = { ...requestFromQuestion(ASKED), contextJson: bytesOf(text) };
    try {
      const { outcome } = await client.connection.unary(DecisionService, "decide", message);
      expect(outcome).toBeGreaterThan(1);
    } catch (thrown) {
      expectToBeClear(failureFrom(thrown));
    }
    expect((await client.decide(DENIED)).kind).toBe("deny");
  });

  it("takes nothing of a message with one bad update, and what came before it", async () => {
    const score = (value: number) => ({
      ...update,
      value: { kind: { case: "numberValue" as const, value } },
    });
    const failure = await failureOf(
      client.connection.clientStream(FeatureService, "putFeatures", [
        { updates: [score(0.1)] },
        { updates: [score(0.2), { ...score(0.3), name: "mood" }] },
      ]),
    );
    expect(failure.fields).toEqual(["updates[1].name"]);
    const { features } = await client.connection.unary(FeatureService, "getFeatures", {
      entity: "subject",
      id: "user:ada",
    });
    const kept = features.find(({ name }) => name === "risk_score");
    expect(kept?.value?.kind.value).toBe(0.1);
  });
});

/** One line that a person can read, of a length that a terminal can show. */
function expectToBeClear({ message }: Failure): void {
  expect(message).toMatch(/^[^\n]{10,300}$/);
  expect(message).not.toMatch(/undefined|\[object|node_modules|\bat \S+:\d+/);
}

/** An object of objects, this many levels deep. */
function structOf(levels: number): JsonObject {
  let inner: JsonObject = {};
  for (let level = 1; level < levels; level += 1) inner = { a: inner };
  return inner;
}
