import { statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { verifyChain } from "../../src/audit/chain.ts";
import type { Receipt } from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import {
  appendAll,
  count,
  draft,
  drafts,
  faultyFiles,
  openJournal,
  openTrail,
  readAll,
  sequencesOf,
  temporaryFolder,
} from "./trail-kit.ts";

const refused: unknown = expect.objectContaining({ code: "audit_unavailable" });

function sequence(outcome: Receipt | StileError | undefined): number | string | undefined {
  return outcome instanceof StileError ? outcome.code : outcome?.sequence;
}

describe("an audit trail", () => {
  it("numbers and chains records over turns and restarts", async () => {
    const folder = temporaryFolder();
    for (const from of [1, 6, 11]) {
      const journal = openJournal(folder);
      const trail = openTrail(journal);
      const first = await appendAll(trail, drafts(3, from));
      const second = await appendAll(trail, drafts(2, from + 3));
      expect([...first, ...second].map(sequence)).toEqual(count(from + 4, from));
      await trail.flush();
      journal.close();
    }
    const entries = await readAll(folder);
    expect(entries.map((entry) => entry.id)).toEqual(drafts(15).map((one) => one.id));
    expect(verifyChain(entries)).toMatchObject({ records: 15, findings: [] });
  });

  it("writes the records of one turn in one write, and calls back later in order", async () => {
    const { files, writes } = faultyFiles();
    const trail = openTrail(openJournal(temporaryFolder(), { files }));
    writes.length = 0;
    const called: number[] = [];
    await new Promise<void>((resolve) => {
      for (const number of count(50)) {
        trail.append(draft(number), "journal", () => {
          called.push(number);
          if (number === 50) resolve();
        });
        expect(called).toEqual([]);
      }
    });
    expect(called).toEqual(count(50));
    expect(writes).toHaveLength(1);
  });

  it("writes a turn larger than its buffer in parts, all of it", async () => {
    const folder = temporaryFolder();
    const trail = openTrail(openJournal(folder, { segmentBytesMax: 2 ** 21, bytesMax: 2 ** 24 }));
    const large = count(30).map((n) => draft(n, `"x":"${"y".repeat(100_000)}"`));
    expect((await appendAll(trail, large)).map(sequence)).toEqual(count(30));
    expect(verifyChain(await readAll(folder))).toMatchObject({ records: 30, findings: [] });
  });

  it.each(["journal", "synced"] as const)(
    "has %s records in the file when it calls back",
    async (ack) => {
      const folder = temporaryFolder();
      const trail = openTrail(openJournal(folder));
      await new Promise<void>((resolve, reject) => {
        trail.append(draft(1), ack, () => {
          readAll(folder).then((entries) => {
            expect(sequencesOf(entries)).toEqual([1]);
            resolve();
          }, reject);
        });
      });
    },
  );

  it("asks the disk once for all that came while it was busy", async () => {
    const { files } = faultyFiles();
    let syncs = 0;
    const counting = {
      ...files,
      sync: (fd: number, done: (error: Error | null) => void) => {
        syncs += 1;
        files.sync(fd, done);
      },
    };
    const trail = openTrail(openJournal(temporaryFolder(), { files: counting }), { ack: "synced" });
    const all = await Promise.all(count(20).map((n) => appendAll(trail, drafts(5, n * 5))));
    expect(all.flat().map(sequence)).toEqual(count(100));
    expect(syncs).toBeLessThanOrEqual(2);
  });

  it("lets a record ask for more than the configuration, never for less", async () => {
    const { files, faults } = faultyFiles();
    const journal = openJournal(temporaryFolder(), { files });
    faults.sync = true;
    const relaxed = openTrail(journal, { ack: "journal" });
    expect((await appendAll(relaxed, [draft(1)], "journal")).map(sequence)).toEqual([1]);
    expect(await appendAll(relaxed, [draft(2)], "synced")).toEqual([refused]);
    const strict = openTrail(journal, { ack: "synced" });
    expect(await appendAll(strict, [draft(3)], "journal")).toEqual([refused]);
  });

  it("calls back at level kafka once the brokers have the record, in order", async () => {
    const trail = openTrail(openJournal(temporaryFolder()), { published: true });
    const called: number[] = [];
    for (const number of count(4)) {
      trail.append(draft(number), "kafka", () => called.push(number));
    }
    await appendAll(trail, [draft(5)], "journal");
    expect(called).toEqual([]);
    expect(trail.urgent).toBe(true);
    trail.published(3);
    expect(called).toEqual([1, 2, 3]);
    trail.giveUp();
    expect(called).toEqual([1, 2, 3, 4]);
  });

  it("refuses level kafka where nothing is published, and keeps no such record", async () => {
    const folder = temporaryFolder();
    const trail = openTrail(openJournal(folder), { published: false });
    const outcomes = await appendAll(trail, [draft(1)], "kafka");
    expect(outcomes).toEqual([refused]);
    expect(await readAll(folder)).toEqual([]);
  });

  it("refuses what would wait beyond its bound", async () => {
    const trail = openTrail(openJournal(temporaryFolder()), { waitingMax: 3 });
    expect((await appendAll(trail, drafts(5))).map(sequence)).toEqual([
      1,
      2,
      3,
      "audit_unavailable",
      "audit_unavailable",
    ]);
    expect((await appendAll(trail, drafts(1))).map(sequence)).toEqual([4]);
  });

  it("goes on where a callback throws", async () => {
    const trail = openTrail(openJournal(temporaryFolder()));
    trail.append(draft(1), "journal", () => {
      throw new Error("a caller's fault");
    });
    expect((await appendAll(trail, [draft(2)])).map(sequence)).toEqual([2]);
  });

  it("refuses records after flush", async () => {
    const trail = openTrail(openJournal(temporaryFolder()));
    await trail.flush();
    expect(await appendAll(trail, [draft(1)])).toEqual([refused]);
  });

  it("refuses a draft that cannot be encoded, and only that one", async () => {
    const folder = temporaryFolder();
    const trail = openTrail(openJournal(folder));
    const odd = { ...draft(2), timeMs: Number.NaN };
    const outcomes = await appendAll(trail, [draft(1), odd, draft(3)]);
    expect(outcomes.map(sequence)).toEqual([1, "audit_unavailable", 2]);
    expect(verifyChain(await readAll(folder)).findings).toEqual([]);
  });
});

describe("an audit trail on a disk that fails", () => {
  // How many bytes of the failing batch still go to the file: none, a part of a frame, whole
  // frames and a part.
  it.each([0, 1, 100, 500, 1000])(
    "refuses a batch of which %i bytes could be written, and goes on when there is room",
    async (room) => {
      const { files, faults } = faultyFiles();
      const folder = temporaryFolder();
      const journal = openJournal(folder, { files });
      const trail = openTrail(journal);
      await appendAll(trail, drafts(3));
      const sizeBefore = statSync(`${folder}/0000000000000001.journal`).size;

      faults.writeAfterBytes = room;
      expect(await appendAll(trail, drafts(5, 4))).toEqual(Array(5).fill(refused));
      expect(statSync(`${folder}/0000000000000001.journal`).size).toBe(sizeBefore);

      faults.writeAfterBytes = Number.POSITIVE_INFINITY;
      expect((await appendAll(trail, drafts(2, 9))).map(sequence)).toEqual([4, 5]);
      const entries = await readAll(folder);
      expect(entries.map((entry) => entry.id)).toEqual(
        [1, 2, 3, 9, 10].map((number) => `record-${number}`),
      );
      expect(verifyChain(entries).findings).toEqual([]);
    },
  );

  it("cuts a failed write off before it writes again, even where that failed at first", async () => {
    const { files, faults } = faultyFiles();
    const folder = temporaryFolder();
    const journal = openJournal(folder, { files });
    const trail = openTrail(journal);
    await appendAll(trail, drafts(1));
    faults.writeAfterBytes = 900;
    faults.truncate = true;
    expect(await appendAll(trail, drafts(5, 2))).toEqual(Array(5).fill(refused));
    faults.writeAfterBytes = Number.POSITIVE_INFINITY;
    expect(await appendAll(trail, drafts(1, 7))).toEqual([refused]);
    faults.truncate = false;
    expect((await appendAll(trail, drafts(1, 8))).map(sequence)).toEqual([2]);
    expect((await readAll(folder)).map((entry) => entry.id)).toEqual(["record-1", "record-8"]);
  });

  it("refuses what needs a new segment that cannot be made, and makes it later", async () => {
    const { files, faults } = faultyFiles();
    const folder = temporaryFolder();
    const trail = openTrail(openJournal(folder, { files, segmentBytesMax: 1000 }));
    await appendAll(trail, drafts(2));
    faults.create = true;
    expect(await appendAll(trail, drafts(3, 3))).toEqual(Array(3).fill(refused));
    faults.create = false;
    expect((await appendAll(trail, drafts(3, 6))).map(sequence)).toEqual([3, 4, 5]);
    expect(verifyChain(await readAll(folder))).toMatchObject({ records: 5, findings: [] });
  });

  it("tells those who wait for the disk that it failed, and leaves the segment", async () => {
    const { files, faults } = faultyFiles();
    const folder = temporaryFolder();
    const journal = openJournal(folder, { files });
    const trail = openTrail(journal);
    const segment = journal.end.segment;
    faults.sync = true;
    expect(await appendAll(trail, drafts(2), "synced")).toEqual([refused, refused]);
    faults.sync = false;
    expect((await appendAll(trail, drafts(1, 3), "synced")).map(sequence)).toEqual([3]);
    expect(journal.end.segment).not.toBe(segment);
    expect(verifyChain(await readAll(folder)).findings).toEqual([]);
  });
});
