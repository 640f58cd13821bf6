import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryAt, findFrame, frameAt } from "../../src/audit/frame.ts";
import { RecordBatch } from "../../src/audit/record-batch.ts";
import { NO_RECORD_BEFORE } from "../../src/audit/segment.ts";
import type { AuditEntry } from "../../src/core/audit.ts";
import { StileError } from "../../src/core/errors.ts";
import { draft } from "./trail-kit.ts";

function newBatch(capacityBytes = 1024): RecordBatch {
  const head = { sequence: 0, hash: NO_RECORD_BEFORE };
  return new RecordBatch({ instance: "i-1", head, capacityBytes });
}

function entriesOf(bytes: Buffer): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let start = 0; start < bytes.length; ) {
    const at = frameAt(bytes, start, bytes.length);
    if (at.kind !== "frame") throw new Error(`no frame at ${start}: ${at.kind}`);
    entries.push(entryAt("i-1", bytes, start, at.end));
    start = at.end;
  }
  return entries;
}

/** Any text, with the characters that JSON and UTF-8 treat apart, but no half surrogates. */
const text = fc.string({ unit: "binary", maxLength: 80 });

describe("the body of a record", () => {
  it("is one JSON object with its place in the chain and the draft's members", () => {
    const batch = newBatch();
    const receipt = batch.add({ ...draft(7), timeMs: Date.UTC(2026, 10, 24, 9, 5, 3, 42) });
    const [entry] = entriesOf(batch.bytes);
    expect(entry?.body.toString()).toBe(
      `{"id":"record-7","type":"stile.decision.v1","time":"2026-11-24T09:05:03.042Z","subject":"user:1","instance":"i-1","sequence":1,"prev":"${"0".repeat(64)}","outcome":"allow","n":7}`,
    );
    expect(receipt.hash).toEqual(
      createHash("sha256")
        .update(entry?.body ?? "")
        .digest(),
    );
  });

  it("needs no members", () => {
    const batch = newBatch();
    batch.add({ ...draft(1), members: "" });
    expect(JSON.parse(String(entriesOf(batch.bytes)[0]?.body))).toHaveProperty("prev");
  });

  it("tells any time as ISO 8601 does, to the millisecond", () => {
    const batch = newBatch();
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), (timeMs) => {
        batch.rewind();
        batch.add({ ...draft(1), timeMs });
        const body: unknown = JSON.parse(String(entriesOf(batch.bytes)[0]?.body));
        expect(body).toMatchObject({ time: new Date(timeMs).toISOString() });
      }),
    );
  });

  it("names the hash of the record before", () => {
    const batch = newBatch();
    const first = batch.add(draft(1));
    batch.add(draft(2));
    expect(String(entriesOf(batch.bytes)[1]?.body)).toContain(
      `"sequence":2,"prev":"${first.hash.toString("hex")}"`,
    );
  });
});

describe("a frame", () => {
  it("gives back what was put in, whatever the text and however small the buffer was", () => {
    const any = fc.record({ id: text, subject: text, note: text });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), (records) => {
        const batch = newBatch(16);
        for (const { id, subject, note } of records) {
          batch.add({ ...draft(1), id, subject, members: `"note":${JSON.stringify(note)}` });
        }
        const entries = entriesOf(batch.bytes);
        expect(entries.map(({ id, subject }) => ({ id, subject }))).toEqual(
          records.map(({ id, subject }) => ({ id, subject })),
        );
        for (const [index, { id, subject, note }] of records.entries()) {
          const body: unknown = JSON.parse(String(entries[index]?.body));
          expect(body).toMatchObject({ id, subject, note, sequence: index + 1 });
        }
      }),
    );
  });

  it("is not taken for whole with any one bit changed", () => {
    const batch = newBatch();
    batch.add(draft(1));
    const bytes = batch.bytes;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(frameAt(changed, 0, changed.length).kind).not.toBe("frame");
    }
  });

  it("is found again behind any rubbish", () => {
    const batch = newBatch();
    batch.add(draft(1));
    const frame = Buffer.from(batch.bytes);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (rubbish) => {
        const bytes = Buffer.concat([rubbish, frame]);
        expect(findFrame(bytes, 0, bytes.length)).toBe(rubbish.length);
      }),
    );
  });
});

describe("a batch", () => {
  it("gives its numbers out again when it is rewound", () => {
    const batch = newBatch();
    batch.add(draft(1));
    batch.commit();
    const lost = batch.add(draft(2));
    batch.rewind();
    const kept = batch.add(draft(2));
    expect(kept).toEqual(lost);
    expect(kept.sequence).toBe(2);
  });

  it.each([
    ["a body over 1 MiB", { members: `"x":"${"y".repeat(1024 * 1024)}"` }],
    ["an id over 4 KiB", { id: "y".repeat(4097) }],
    ["a subject over 4 KiB", { subject: "y".repeat(4097) }],
  ])("refuses %s and stays as it was", (_, part) => {
    const batch = newBatch();
    batch.add(draft(1));
    const before = { bytes: Buffer.from(batch.bytes), head: batch.head };
    expect(() => batch.add({ ...draft(2), ...part })).toThrow(StileError);
    expect({ bytes: Buffer.from(batch.bytes), head: batch.head }).toEqual(before);
  });
});
