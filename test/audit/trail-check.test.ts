import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointText } from "../../src/audit/checkpoint.ts";
import { entryAt, frameAt } from "../../src/audit/frame.ts";
import { RecordBatch } from "../../src/audit/record-batch.ts";
import { NO_RECORD_BEFORE } from "../../src/audit/segment.ts";
import {
  TrailCheck,
  type TrailCheckOptions,
  type TrailReport,
} from "../../src/audit/trail-check.ts";
import type { AuditDraft } from "../../src/core/audit.ts";
import type { Receipt } from "../../src/core/decision.ts";
import { draft } from "./trail-kit.ts";

const COUNT = 12;

/** A chain whose records may depend on the receipt of the one before. */
function chainOf(
  instance = "a",
  count = COUNT,
  draftOf: (number: number, before: Receipt | undefined) => AuditDraft = (number) => draft(number),
): { readonly bodies: Buffer[]; readonly receipts: Receipt[] } {
  const head = { sequence: 0, hash: NO_RECORD_BEFORE };
  const batch = new RecordBatch({ instance, head, capacityBytes: 1024 });
  const receipts: Receipt[] = [];
  const bodies: Buffer[] = [];
  for (let number = 1; number <= count; number += 1) {
    receipts.push(batch.add(draftOf(number, receipts.at(-1))));
    const { bytes } = batch;
    const at = frameAt(bytes, 0, bytes.length);
    if (at.kind !== "frame") throw new Error(`no frame: ${at.kind}`);
    bodies.push(Buffer.from(entryAt(instance, bytes, 0, at.end).body));
    batch.commit();
  }
  return { bodies, receipts };
}

function check(bodies: readonly Buffer[], options: Partial<TrailCheckOptions> = {}): TrailReport {
  const trail = new TrailCheck({ mayRepeat: false, receipts: [], ...options });
  for (const [index, body] of bodies.entries())
    trail.add({ body, lane: "file", offset: index + 1 });
  return trail.report();
}

function found(bodies: readonly Buffer[], options: Partial<TrailCheckOptions> = {}): string[] {
  return check(bodies, options).findings.map(
    ({ kind, instance, from, to }) => `${kind} ${instance} ${from}-${to}`,
  );
}

const { bodies, receipts } = chainOf();

describe("the check of a trail", () => {
  it("finds nothing in what was written, and says what it cannot know", () => {
    const report = check(bodies);
    expect(report).toMatchObject({ read: COUNT, findings: [], findingsCount: 0 });
    expect(report.instances).toMatchObject([
      { instance: "a", records: COUNT, first: 1, last: COUNT },
    ]);
    expect(report.unknown.join(" ")).toContain(`nothing follows record ${COUNT}`);
  });

  it("counts repeated deliveries where they may be, and reports them where not", () => {
    expect(check([...bodies, ...bodies], { mayRepeat: true })).toMatchObject({
      repeats: COUNT,
      findings: [],
    });
    expect(found([...bodies, ...bodies.slice(3, 4)])).toEqual(["duplicated a 4-4"]);
  });

  it("takes records of lanes that are read one after the other", () => {
    const trail = new TrailCheck({ mayRepeat: true, receipts: [] });
    for (const parity of [0, 1]) {
      for (const [index, body] of bodies.entries()) {
        if (index % 2 === parity) trail.add({ body, lane: `partition ${parity}`, offset: index });
      }
    }
    expect(trail.report().findings).toEqual([]);
  });

  it("takes records of another instance for foreign where one is named", () => {
    const other = chainOf("b", 1).bodies;
    expect(found([...bodies, ...other])).toEqual([]);
    expect(found([...bodies, ...other], { instance: "a" })).toEqual(["foreign b 1-1"]);
  });

  it("sees a cut tail by a receipt, and a changed last record", () => {
    const receipt = receiptAt(COUNT);
    expect(check(bodies, { receipts: [receipt] }).instances[0]?.provenTo).toBe(COUNT);
    expect(found(bodies.slice(0, -1), { receipts: [receipt] })).toEqual([
      `cut a ${COUNT}-${COUNT}`,
    ]);
    const last = Buffer.from(String(bodies.at(-1)).replace("allow", "deny!"));
    expect(found([...bodies.slice(0, -1), last])).toEqual([]);
    expect(found([...bodies.slice(0, -1), last], { receipts: [receipt] })).toEqual([
      `altered a ${COUNT}-${COUNT}`,
    ]);
  });

  it("does not tell which of the last two was changed where nothing proves it", () => {
    const last = Buffer.from(String(bodies.at(-1)).replace(/"prev":"./, '"prev":"x'));
    const other = Buffer.from(
      String(bodies.at(-1)).replace(
        /"prev":"(.)/,
        (_, digit) => `"prev":"${digit === "0" ? 1 : 0}`,
      ),
    );
    expect(found([...bodies.slice(0, -1), last])).toEqual(["foreign  0-0"]);
    expect(found([...bodies.slice(0, -1), other])).toEqual([`altered a ${COUNT - 1}-${COUNT}`]);
  });

  it("checks signed checkpoints by their keys", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const signed = chainWithCheckpoint(privateKey);
    const keyOf = (kid: string): KeyObject | undefined => (kid === "k" ? publicKey : undefined);
    expect(check(signed, { keyOf })).toMatchObject({
      findings: [],
      instances: [{ checkpoints: 1, provenTo: 4 }],
    });
    expect(check(signed).unknown.join(" ")).toContain("no keys were given");
    const stranger = generateKeyPairSync("ed25519");
    expect(found(signed, { keyOf: () => stranger.publicKey })).toEqual(["forged a 5-5"]);
    expect(check(signed, { keyOf: () => undefined }).unknown.join(" ")).toContain("not given");
  });

  it("finds a rewritten trail by the checkpoint that was signed before", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const [checkpoint] = chainWithCheckpoint(privateKey).slice(4);
    const rewritten = chainOf("a", 4, (number) => draft(number, '"outcome":"deny"')).bodies;
    expect(
      found([...rewritten, checkpoint ?? Buffer.alloc(0)], { keyOf: () => publicKey }),
    ).toContain("altered a 4-4");
  });
});

describe("any single change of a chain", () => {
  const place = fc.integer({ min: 1, max: COUNT - 2 });
  /** With two records behind it: of the last two nothing tells which one was changed. */
  const followed = fc.integer({ min: 1, max: COUNT - 3 });

  it("is reported in its place when a record is taken out", () => {
    fc.assert(
      fc.property(place, (index) => {
        expect(found(bodies.toSpliced(index, 1))).toEqual([`missing a ${index + 1}-${index + 1}`]);
      }),
    );
  });

  it("is reported in its place when two records change places", () => {
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: COUNT }), (from, by) => {
        const to = Math.min(from + by, COUNT - 1);
        const swapped = [...bodies];
        [swapped[from], swapped[to]] = [at(to), at(from)];
        const findings = found(swapped);
        expect(findings).toContain(`reordered a ${from + 1}-${from + 1}`);
        expect(findings.every((finding) => finding.startsWith("reordered a"))).toBe(true);
      }),
    );
  });

  it("is reported in its place when a record is put in", () => {
    const forged = chainOf("a", COUNT, (number) => draft(number, '"outcome":"deny"')).bodies;
    fc.assert(
      fc.property(place, (index) => {
        const sequence = index + 1;
        expect(found(bodies.toSpliced(index, 0, forged[index] ?? Buffer.alloc(0)))).toEqual([
          `conflicting a ${sequence}-${sequence}`,
        ]);
        expect(found(bodies.toSpliced(index, 0, at(index)))).toEqual([
          `duplicated a ${sequence}-${sequence}`,
        ]);
      }),
    );
  });

  it("is reported in its place when a bit is flipped", () => {
    fc.assert(
      fc.property(followed, fc.nat(), fc.integer({ min: 0, max: 7 }), (index, offset, bit) => {
        const flipped = Buffer.from(at(index));
        const byteAt = offset % flipped.length;
        flipped.writeUInt8(flipped.readUInt8(byteAt) ^ (1 << bit), byteAt);
        const sequence = index + 1;
        const expected = [`altered a ${sequence}-${sequence}`, `missing a ${sequence}-${sequence}`];
        const findings = found(bodies.with(index, flipped));
        expect(expected.filter((one) => findings.includes(one))).toHaveLength(1);
      }),
      { numRuns: 2000 },
    );
  });
});

function at(index: number): Buffer {
  const body = bodies[index];
  if (body === undefined) throw new Error(`no record ${index}`);
  return body;
}

function receiptAt(sequence: number) {
  const receipt = receipts[sequence - 1];
  if (receipt === undefined) throw new Error(`no receipt ${sequence}`);
  return { instance: "a", sequence, hash: receipt.hash.toString("hex") };
}

/** Four records, a checkpoint of the fourth, one more. */
function chainWithCheckpoint(key: KeyObject): Buffer[] {
  return chainOf("a", 6, (number, before) => {
    if (number !== 5 || before === undefined) return draft(number);
    const head = { instance: "a", sequence: 4, hash: before.hash.toString("hex") };
    const signature = sign(null, Buffer.from(checkpointText(head)), key).toString("base64url");
    const { sequence, hash } = head;
    const members = JSON.stringify({ head: { sequence, hash }, kid: "k", signature });
    return { ...draft(number, members.slice(1, -1)), type: "stile.checkpoint.v1" };
  }).bodies;
}
