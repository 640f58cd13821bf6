import {
  create,
  fromBinary,
  type JsonObject,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { LIMITS, requestFromMessage } from "../../src/wire/decision-request.ts";
import {
  type DecideRequest,
  DecideRequestSchema,
  DecisionService,
} from "../../src/wire/messages.ts";
import { methodsOf, Unreadable } from "../../src/wire/methods.ts";

type Init = MessageInitShape<typeof DecideRequestSchema> & {
  readonly omit?: "subject" | "action" | "resource";
};

const GOOD = {
  subject: { type: "user", id: "ada" },
  action: { name: "deploy.production" },
  resource: { type: "service", id: "payments" },
};

function messageOf({ omit, ...init }: Init): DecideRequest {
  const good = create(DecideRequestSchema, GOOD);
  const message = Object.assign(good, clean(create(DecideRequestSchema, init)));
  if (omit !== undefined) delete message[omit];
  return fromBinary(DecideRequestSchema, toBinary(DecideRequestSchema, message));
}

function clean(message: DecideRequest): Partial<DecideRequest> {
  const set = Object.entries(message).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set);
}

const json = (text: string): Uint8Array => new TextEncoder().encode(text);
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
let deep: JsonObject = {};
for (let level = 0; level < 40; level += 1) deep = { deep };

const REFUSED: readonly (readonly [string, Init, string])[] = [
  ["no subject", { omit: "subject" }, "subject is missing; give a type and an id"],
  ["no action", { omit: "action" }, "action is missing; give a name"],
  ["no resource", { omit: "resource" }, "resource is missing; give a type and an id"],
  [
    "an empty subject id",
    { subject: { type: "user", id: "" } },
    "subject.id is empty; give 1 to 512 characters",
  ],
  ["an empty action", { action: { name: "" } }, "action.name is empty; give 1 to 256 characters"],
  [
    "a long resource id",
    { resource: { type: "a", id: "x".repeat(513) } },
    "resource.id has 513 characters; at most 512",
  ],
  ["a NUL in an id", { subject: { type: "user", id: "a\0b" } }, "subject.id holds a NUL character"],
  ["a long policy", { policy: "p".repeat(129) }, "policy has 129 characters"],
  ["a long request id", { requestId: "r".repeat(129) }, "request_id has 129 characters"],
  [
    "too many grants",
    { grants: Array.from({ length: 9 }, () => "t") },
    "grants holds 9 tokens; at most 8",
  ],
  [
    "a long grant",
    { grants: ["t".repeat(LIMITS.grantChars + 1)] },
    "grants[0] is longer than 4096",
  ],
  [
    "both contexts",
    { context: {}, contextJson: json("{}") },
    "context_json is given beside context",
  ],
  ["text that is no JSON", { contextJson: json("{") }, "context_json is not valid JSON"],
  ["JSON that is no object", { contextJson: json("[1]") }, "context_json is not a JSON object"],
  ["JSON null", { contextJson: json("null") }, "context_json is not a JSON object"],
  [
    "invalid UTF-8",
    { contextJson: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]) },
    "context_json is not valid UTF-8",
  ],
  [
    "too much JSON",
    { contextJson: json(`{"a":"${"x".repeat(65_530)}"}`) },
    "context_json has 65538 bytes",
  ],
  ["deep JSON", { contextJson: json(nested(33)) }, "context_json is nested deeper than 32 levels"],
  [
    "very deep JSON",
    { contextJson: json(nested(9_000)) },
    "context_json is nested deeper than 32 levels",
  ],
  [
    "a deep Struct",
    { action: { name: "a", properties: deep } },
    "action.properties is nested deeper than 32",
  ],
  [
    "a huge Struct",
    { subject: { type: "u", id: "a", properties: { a: "x".repeat(70_000) } } },
    "subject.properties is larger than",
  ],
];

describe("requestFromMessage", () => {
  it("takes a request as it is", () => {
    const request = requestFromMessage(messageOf({ requestId: "r", grants: ["g"], policy: "p" }));
    expect(request).toMatchObject({
      subject: { type: "user", id: "ada" },
      action: { name: "deploy.production" },
      resource: { type: "service", id: "payments" },
      context: {},
      contextText: "{}",
      requestId: "r",
      grants: ["g"],
      policy: "p",
    });
  });

  it("keeps the digits of numbers in context_json", () => {
    const text = '{"n": 12345678901234567890, "m": 1e400}';
    expect(requestFromMessage(messageOf({ contextJson: json(text) })).contextText).toBe(text);
  });

  it("takes a context of exactly 32 levels", () => {
    expect(() => requestFromMessage(messageOf({ contextJson: json(nested(32)) }))).not.toThrow();
  });

  it.each(REFUSED)("refuses %s", (_, init, wanted) => {
    const thrown = thrownBy(() => requestFromMessage(messageOf(init)));
    expect(thrown.code).toBe("invalid_request");
    expect(thrown.message).toContain(wanted);
    expect(thrown.violations.length).toBeGreaterThan(0);
  });

  it("names every violation, with the place in a batch", () => {
    const thrown = thrownBy(() =>
      requestFromMessage(messageOf({ omit: "subject", policy: "p".repeat(200) }), "requests[3]."),
    );
    expect(thrown.violations.map(({ field }) => field)).toEqual([
      "requests[3].subject",
      "requests[3].policy",
    ]);
    expect(thrown.message).toContain("(and 1 more)");
  });

  it("gives the two forms of a context the same meaning", () => {
    const value = fc.dictionary(
      fc.string(),
      fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constant(null)),
    );
    fc.assert(
      fc.property(value, (context) => {
        const fast = requestFromMessage(messageOf({ contextJson: json(JSON.stringify(context)) }));
        const struct = requestFromMessage(messageOf({ context }));
        expect(JSON.parse(fast.contextText)).toEqual(JSON.parse(struct.contextText));
      }),
    );
  });

  it("reads any bytes as a message or says that it cannot, and never throws anything else", () => {
    const read = methodsOf(DecisionService).get("decide")?.requestFromBytes;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const message = read?.(bytes);
        const thrown = message instanceof Unreadable ? message.cause : refusalOf(bytes);
        expect(thrown === undefined || thrown instanceof Error).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("calls a message nested without end unreadable", () => {
    let context: Uint8Array = new Uint8Array();
    for (let level = 0; level < 5_000; level += 1) context = wrap(context);
    const bytes = Buffer.concat([Buffer.from([0x22, ...varint(context.length)]), context]);
    const read = methodsOf(DecisionService).get("decide")?.requestFromBytes;
    expect(read?.(bytes)).toBeInstanceOf(Unreadable);
  });

  it("calls a string that is not UTF-8 unreadable", () => {
    const bytes = Buffer.from([0x0a, 0x04, 0x0a, 0x02, 0xff, 0xfe]);
    const read = methodsOf(DecisionService).get("decide")?.requestFromBytes;
    expect(read?.(bytes)).toBeInstanceOf(Unreadable);
  });
});

/** @returns the StileError that refuses the bytes, if any; whatever else is thrown fails the test. */
function refusalOf(bytes: Uint8Array): StileError | undefined {
  try {
    requestFromMessage(fromBinary(DecideRequestSchema, bytes));
    return undefined;
  } catch (thrown) {
    if (thrown instanceof StileError) return thrown;
    throw thrown;
  }
}

/** Wraps a Struct into a Struct of one field that holds it. */
function wrap(inner: Uint8Array): Buffer {
  const value = Buffer.concat([Buffer.from([0x2a, ...varint(inner.length)]), inner]);
  const key = Buffer.from([0x0a, 1, 0x61, 0x12, ...varint(value.length)]);
  const entry = Buffer.concat([key, value]);
  return Buffer.concat([Buffer.from([0x0a, ...varint(entry.length)]), entry]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

function thrownBy(act: () => unknown): StileError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof StileError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}
