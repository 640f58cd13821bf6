import {
  appendFileSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { verifyChain } from "../../src/audit/chain.ts";
import type { Journal } from "../../src/audit/journal.ts";
import { type JournalDamage, JournalReader } from "../../src/audit/journal-reader.ts";
import { StileError } from "../../src/core/errors.ts";
import {
  appendAll,
  count,
  draft,
  drafts,
  openJournal,
  openTrail,
  readAll,
  sequencesOf,
  temporaryFolder,
} from "./trail-kit.ts";

const SEGMENT = "0000000000000001.journal";

/** A closed journal of one segment. @returns its file and where each frame ends. */
async function writtenJournal(
  records: number,
): Promise<{ folder: string; file: string; ends: number[] }> {
  const folder = temporaryFolder();
  const journal = openJournal(folder);
  const trail = openTrail(journal);
  const ends: number[] = [journal.end.offset];
  for (const number of count(records)) {
    await appendAll(trail, [draft(number)]);
    ends.push(journal.end.offset);
  }
  journal.close();
  return { folder, file: path.join(folder, SEGMENT), ends };
}

async function appendOne(journal: Journal, number: number): Promise<void> {
  await appendAll(openTrail(journal), [draft(number)]);
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

describe("a journal after a crash", () => {
  it("cuts an unfinished record off, wherever it ends, and goes on", async () => {
    const { file, ends } = await writtenJournal(3);
    const whole = readFileSync(file);
    const [, , second = 0, third = 0] = ends;
    for (let end = second; end < third; end += 1) {
      const folder = temporaryFolder();
      const copy = path.join(folder, SEGMENT);
      writeFileSync(copy, whole.subarray(0, end));
      const journal = openJournal(folder);
      expect(journal.head.sequence).toBe(2);
      expect(journal.recovered.tornBytes).toBe(end - second);
      expect(statSync(copy).size).toBe(second);
      await appendOne(journal, 9);
      journal.close();
      const entries = await readAll(folder);
      expect(entries.map((entry) => entry.id)).toEqual(["record-1", "record-2", "record-9"]);
      expect(verifyChain(entries).findings).toEqual([]);
    }
  });

  it("cuts zeros off that a file system left behind the last record", async () => {
    const { folder, file, ends } = await writtenJournal(2);
    appendFileSync(file, Buffer.alloc(5000));
    expect(openJournal(folder).recovered.tornBytes).toBe(5000);
    expect(statSync(file).size).toBe(ends[2]);
  });

  it("cuts a changed last record off", async () => {
    const { folder, file, ends } = await writtenJournal(3);
    flip(file, (ends[3] ?? 0) - 5);
    expect(openJournal(folder).head.sequence).toBe(2);
  });

  it.each([0, 1, 50, 119])("drops a segment whose header has %i bytes", async (bytes) => {
    const { folder } = await writtenJournal(3);
    const half = path.join(folder, "0000000000000004.journal");
    writeFileSync(half, Buffer.alloc(bytes));
    const journal = openJournal(folder);
    await appendOne(journal, 4);
    expect(verifyChain(await readAll(folder))).toMatchObject({ records: 4, findings: [] });
  });

  it("takes its instance from its segments", async () => {
    const { folder } = await writtenJournal(1);
    expect(openJournal(folder, { newInstance: () => "another" }).instance).toBe("test-instance");
  });
});

describe("a damaged journal", () => {
  it("keeps whole records behind damage in the last segment, and writes to a new one", async () => {
    const { folder, file, ends } = await writtenJournal(6);
    const [, , second = 0] = ends;
    flip(file, second + 60);
    const journal = openJournal(folder);
    expect(journal.recovered).toMatchObject({
      tornBytes: 0,
      damagedAt: { path: file, offset: second },
    });
    expect(journal.head.sequence).toBe(6);
    await appendOne(journal, 7);
    journal.close();

    const damage: JournalDamage[] = [];
    const reader = new JournalReader({ folder, from: 1, onDamage: (one) => damage.push(one) });
    const entries = await reader.read(100, 1e6);
    await reader.close();
    expect(sequencesOf(entries)).toEqual([1, 2, 4, 5, 6, 7]);
    expect(damage).toEqual([{ path: file, offset: second, resumesAt: ends[3] }]);
    expect(verifyChain(entries).findings).toEqual([
      { kind: "missing", instance: "test-instance", from: 3, to: 3 },
    ]);
  });

  it("is an error to a reader who does not ask to pass it over, naming segment and offset", async () => {
    const { folder, file, ends } = await writtenJournal(3);
    flip(file, (ends[1] ?? 0) + 40);
    await expect(readAll(folder)).rejects.toThrow(
      `${file} of the journal is damaged at offset ${ends[1]}`,
    );
  });

  it("names the end of a finished segment that was cut short", async () => {
    const { folder, file, ends } = await writtenJournal(3);
    const journal = openJournal(folder, { segmentBytesMax: 600 });
    await appendOne(journal, 4);
    truncateSync(file, (ends[3] ?? 0) - 7);
    await expect(readAll(folder)).rejects.toThrow(`damaged at offset ${ends[2]}`);
  });

  it.each([
    ["the magic", 3],
    ["the version", 8],
    ["the sequence", 20],
    ["the instance", 60],
  ])("does not open with a changed header: %s", async (_, offset) => {
    const { folder, file } = await writtenJournal(1);
    flip(file, offset);
    expect(() => openJournal(folder)).toThrow(StileError);
    expect(() => openJournal(folder)).toThrow(file);
  });
});

describe("the bounds of a journal", () => {
  const small = { segmentBytesMax: 2000, bytesMax: 8000 } as const;

  it("begins a new segment where the next batch does not fit", async () => {
    const folder = temporaryFolder();
    const trail = openTrail(openJournal(folder, small));
    for (const number of count(24)) await appendAll(trail, [draft(number)]);
    expect(readdirSync(folder).length).toBeGreaterThan(2);
    for (const name of readdirSync(folder)) {
      expect(statSync(path.join(folder, name)).size).toBeLessThanOrEqual(2000);
    }
    expect(verifyChain(await readAll(folder))).toMatchObject({ records: 24, findings: [] });
  });

  it("drops its oldest records at its bound where nothing is published, and counts them", async () => {
    const folder = temporaryFolder();
    let dropped = 0;
    const journal = openJournal(folder, {
      ...small,
      onDropped: (_segment, records) => {
        dropped += records;
      },
    });
    const trail = openTrail(journal);
    for (const number of count(100)) {
      await appendAll(trail, [draft(number)]);
      expect(journal.bytes).toBeLessThanOrEqual(8000);
    }
    const kept = sequencesOf(await readAll(folder));
    expect(kept).toEqual(count(100, dropped + 1));
    expect(dropped).toBeGreaterThan(50);
    expect(journal.firstSequence).toBe(dropped + 1);
  });

  it("refuses records at its bound until older ones are published", async () => {
    const folder = temporaryFolder();
    const journal = openJournal(folder, { ...small, keepUnshipped: true, shippedBytesKept: 8000 });
    const trail = openTrail(journal, { published: true });
    let last = 0;
    let refusal: StileError | undefined;
    while (refusal === undefined && last < 100) {
      const [outcome] = await appendAll(trail, [draft(last + 1)]);
      if (outcome instanceof StileError) refusal = outcome;
      else last += 1;
    }
    expect(refusal?.code).toBe("audit_unavailable");
    expect(sequencesOf(await readAll(folder))).toEqual(count(last));

    journal.shipped(last);
    const [outcome] = await appendAll(trail, [draft(last + 1)]);
    expect(outcome).toMatchObject({ sequence: last + 1 });
    const kept = sequencesOf(await readAll(folder));
    expect(kept).toEqual(count(last + 1, kept[0]));
    expect(journal.bytes).toBeLessThanOrEqual(8000);
  });

  it("drops published segments beyond the size to keep, never the one being written", async () => {
    const folder = temporaryFolder();
    const journal = openJournal(folder, { ...small, keepUnshipped: true });
    await appendAll(openTrail(journal), drafts(4));
    for (const number of count(12, 5)) await appendOne(journal, number);
    const before = readdirSync(folder).length;
    journal.shipped(6);
    const kept = sequencesOf(await readAll(folder));
    expect(kept[0]).toBeLessThanOrEqual(7);
    expect(readdirSync(folder).length).toBeLessThan(before);
    journal.shipped(1000);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it("refuses a limit below two segments", () => {
    const folder = temporaryFolder();
    expect(() => openJournal(folder, { segmentBytesMax: 2000, bytesMax: 3999 })).toThrow(
      expect.objectContaining({ code: "invalid_config" }),
    );
  });
});

describe("reading a journal while it is written", () => {
  it("gives each record once, in order, within the asked counts, over segments", async () => {
    const folder = temporaryFolder();
    const journal = openJournal(folder, { segmentBytesMax: 4000 });
    const trail = openTrail(journal);
    const reader = new JournalReader({ folder, from: 1, end: () => journal.end });
    const seen: number[] = [];
    for (const number of count(60)) {
      await appendAll(trail, drafts((number % 5) + 1, number * 10));
      const entries = await reader.read((number % 4) + 1, 1500);
      expect(entries.length).toBeLessThanOrEqual((number % 4) + 1);
      seen.push(...sequencesOf(entries));
    }
    for (;;) {
      const entries = await reader.read(7, 1e6);
      if (entries.length === 0) break;
      seen.push(...sequencesOf(entries));
    }
    await reader.close();
    expect(seen).toEqual(count(journal.head.sequence));
  });

  it.each(["the server", "another process"])("follows until told to stop, from %s", async (who) => {
    const folder = temporaryFolder();
    const journal = openJournal(folder, { segmentBytesMax: 2000 });
    const trail = openTrail(journal);
    await appendAll(trail, drafts(3));
    const stop = new AbortController();
    const end = who === "the server" ? { end: () => journal.end } : {};
    const reader = new JournalReader({ folder, from: 2, ...end });
    const seen: number[] = [];
    for await (const entries of reader.follow(stop.signal)) {
      seen.push(...sequencesOf(entries));
      if (journal.head.sequence < 20) await appendAll(trail, drafts(2, 100));
      if (seen.at(-1) === journal.head.sequence && journal.head.sequence >= 20) stop.abort();
    }
    await reader.close();
    expect(seen).toEqual(count(journal.head.sequence, 2));
  });

  it("begins with the oldest kept where the asked is gone", async () => {
    const folder = temporaryFolder();
    const journal = openJournal(folder, { segmentBytesMax: 2000, bytesMax: 8000 });
    for (const number of count(60)) await appendOne(journal, number);
    expect(sequencesOf(await readAll(folder, 2))).toEqual(count(60, journal.firstSequence));
  });
});
