import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ENTITIES, type FeatureUpdate } from "../../src/core/features.ts";
import { messageFromUpdate, updateFromMessage } from "../../src/kafka/feature-message.ts";

const KEY = '["subject","user:ada","risk_score"]';
const VALUE = '{"value":0.5,"event_time":"2026-11-24T09:05:03.5Z"}';

function read(key: string | Buffer | null, value: string | Buffer | null) {
  const bytes = (part: string | Buffer | null): Buffer | null =>
    typeof part === "string" ? Buffer.from(part) : part;
  return updateFromMessage({ key: bytes(key), value: bytes(value), timestamp: "1000" });
}

const update: fc.Arbitrary<FeatureUpdate> = fc
  .record({
    entity: fc.constantFrom(...ENTITIES),
    id: fc.string({ minLength: 1 }),
    name: fc.string({ minLength: 1 }),
    value: fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.string(),
      fc.array(fc.string()),
    ),
    eventTimeMs: fc.integer({ min: 0, max: 4e12 }),
  })
  .map((one) => (one.entity === "global" ? { ...one, id: "" } : one));

describe("a message of the features topic", () => {
  it("reads as the update that it was made from", () => {
    fc.assert(
      fc.property(update, (one) => {
        const { key, value, timestamp } = messageFromUpdate(one);
        const bytes = value === null ? null : Buffer.from(value);
        expect(updateFromMessage({ key: Buffer.from(key), value: bytes, timestamp })).toEqual(one);
      }),
    );
  });

  it("is a value as of its event time", () => {
    expect(read(KEY, VALUE)).toEqual({
      entity: "subject",
      id: "user:ada",
      name: "risk_score",
      value: 0.5,
      eventTimeMs: Date.UTC(2026, 10, 24, 9, 5, 3, 500),
    });
  });

  it("deletes without a value, as of the message's time", () => {
    expect(read(KEY, null)).toMatchObject({ name: "risk_score", value: null, eventTimeMs: 1000 });
  });

  it.each([
    ["no key", null, VALUE],
    ["a key that is no JSON", "subject|user:ada|risk_score", VALUE],
    ["a key of two", '["subject","user:ada"]', VALUE],
    ["an unknown entity", '["planet","x","y"]', VALUE],
    ["an id that is a number", '["subject",7,"y"]', VALUE],
    ["an empty id", '["subject","","y"]', VALUE],
    ["an id of global", '["global","x","y"]', VALUE],
    ["an empty name", '["subject","x",""]', VALUE],
    ["a value that is no JSON", KEY, "0.5"],
    ["a value that is cut", KEY, VALUE.slice(0, -1)],
    ["a value that is no UTF-8", KEY, Buffer.from([0x7b, 0xff, 0x7d])],
    ["a value of null", KEY, '{"value":null,"event_time":"2026-11-24T09:05:03Z"}'],
    ["an object for a value", KEY, '{"value":{},"event_time":"2026-11-24T09:05:03Z"}'],
    ["a mixed list", KEY, '{"value":["a",1],"event_time":"2026-11-24T09:05:03Z"}'],
    ["no time", KEY, '{"value":1}'],
    ["a time without a zone", KEY, '{"value":1,"event_time":"2026-11-24T09:05:03"}'],
    ["a day that is none", KEY, '{"value":1,"event_time":"2026-13-41T09:05:03Z"}'],
    ["a time that is a number", KEY, '{"value":1,"event_time":1000}'],
  ])("is set aside with %s", (_, key, value) => {
    expect(read(key, value)).toEqual({ wrong: expect.stringMatching(/./) as unknown });
  });
});
