import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { verifyChain } from "../../src/audit/chain.ts";
import { type Audit, type AuditOptions, openAudit } from "../../src/audit/open-audit.ts";
import type { AuditEntry } from "../../src/core/audit.ts";
import type { AuditAck, Receipt } from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { waitFor } from "../real/wait-for.ts";
import { MemorySink } from "./memory-sink.ts";
import { count, draft, sequencesOf, temporaryFolder } from "./trail-kit.ts";

function open(dataDir: string, options: Partial<AuditOptions> = {}): Audit {
  const audit = openAudit({
    dataDir,
    ack: "journal",
    sink: undefined,
    bytesMax: 1024 * 1024,
    segmentBytesMax: 32 * 1024,
    lingerMs: 1,
    log: silentLog,
    meter: silentMeter,
    clock: { nowMs: () => 1000 },
    ...options,
  });
  onTestFinished(() => audit.close(0).catch(() => undefined));
  return audit;
}

function append(
  audit: Audit,
  number: number,
  ack: AuditAck = "journal",
): Promise<Receipt | StileError> {
  return new Promise((resolve) => audit.trail.append(draft(number), ack, resolve));
}

async function appendMany(audit: Audit, to: number, from = 1): Promise<void> {
  for (const number of count(to, from)) {
    const outcome = await append(audit, number);
    if (outcome instanceof StileError) throw outcome;
  }
}

describe("publishing the trail", () => {
  it("brings every record to the sink in order, one batch at a time", async () => {
    const sink = new MemorySink();
    const audit = open(temporaryFolder(), { sink });
    await appendMany(audit, 300);
    await waitFor("all to be published", () => sink.topic.length === 300);
    expect(sequencesOf(sink.topic)).toEqual(count(300));
    expect(verifyChain(sink.topic).findings).toEqual([]);
    expect(sink.publishingMost).toBe(1);
    expect(audit.status().publisher).toMatchObject({ unshippedRecords: 0, shippedSequence: 300 });
  });

  it("takes records while the sink is away, says how many wait, and catches up", async () => {
    const sink = new MemorySink();
    sink.away = true;
    const audit = open(temporaryFolder(), { sink });
    await appendMany(audit, 200);
    await waitFor("a batch to be under way", () => sink.publishing === 1);
    expect(audit.status().publisher).toMatchObject({
      unshippedRecords: 200,
      lastShippedMs: 0,
      waitingSinceMs: 1000,
    });
    sink.comeBack();
    await waitFor("all to be published", () => sink.topic.length === 200);
    expect(sequencesOf(sink.topic)).toEqual(count(200));
    expect(sink.batches.length).toBeLessThan(20);
  });

  it("goes on after a restart where the sink left off", async () => {
    const dataDir = temporaryFolder();
    const sink = new MemorySink();
    const first = open(dataDir, { sink });
    await appendMany(first, 50);
    await first.close(5000);
    expect(sink.topic).toHaveLength(50);

    sink.away = true;
    const second = open(dataDir, { sink });
    await appendMany(second, 80, 51);
    await second.close(20);
    expect(sink.topic).toHaveLength(50);

    sink.away = false;
    const third = open(dataDir, { sink });
    await third.close(5000);
    expect(sequencesOf(sink.topic)).toEqual(count(80));
    expect(verifyChain(sink.topic).findings).toEqual([]);
  });

  it("publishes again what it cannot know to be published", async () => {
    const dataDir = temporaryFolder();
    const sink = new MemorySink();
    const first = open(dataDir, { sink });
    await appendMany(first, 20);
    await first.close(5000);
    rmSync(path.join(dataDir, "journal", "shipped.json"));
    await open(dataDir, { sink }).close(5000);
    expect(sequencesOf(sink.topic)).toEqual([...count(20), ...count(20)]);
  });

  it("answers at level kafka once the sink has the record", async () => {
    const sink = new MemorySink();
    sink.away = true;
    // With so long a pause, only the waiting record's urgency can bring it out in time.
    const audit = open(temporaryFolder(), { sink, lingerMs: 600_000 });
    let answered = false;
    const outcome = append(audit, 1, "kafka").finally(() => {
      answered = true;
    });
    await waitFor("the batch to be under way", () => sink.publishing === 1);
    expect(answered).toBe(false);
    sink.comeBack();
    expect(await outcome).toMatchObject({ sequence: 1 });
    expect(sequencesOf(sink.topic)).toEqual([1]);
  });

  it("answers an error at level kafka when it closes first, and publishes after a restart", async () => {
    const dataDir = temporaryFolder();
    const sink = new MemorySink();
    sink.away = true;
    const audit = open(dataDir, { sink });
    const outcome = append(audit, 1, "kafka");
    await waitFor("the batch to be under way", () => sink.publishing === 1);
    await audit.close(10);
    expect(await outcome).toMatchObject({ code: "audit_unavailable" });
    sink.away = false;
    await open(dataDir, { sink }).close(5000);
    expect(sequencesOf(sink.topic)).toEqual([1]);
  });

  it("sends the same batch again to a sink that fails", async () => {
    const sink = new MemorySink();
    sink.failures = 1;
    const audit = open(temporaryFolder(), { sink });
    await appendMany(audit, 5);
    await waitFor("all to be published", () => sink.topic.length === 5);
    expect(sequencesOf(sink.topic)).toEqual(count(5));
  });

  it("keeps the journal within its bound while the sink takes the records", async () => {
    const sink = new MemorySink();
    const limits = { bytesMax: 64 * 1024, segmentBytesMax: 8 * 1024, shippedBytesKept: 16 * 1024 };
    const dataDir = temporaryFolder();
    const audit = open(dataDir, { sink, ...limits });
    for (const number of count(1500)) {
      const outcome = await append(audit, number);
      if (outcome instanceof StileError) {
        await waitFor("room", () => audit.status().publisher?.unshippedRecords === 0);
      }
      expect(audit.status().journalBytes).toBeLessThanOrEqual(limits.bytesMax);
    }
    await waitFor("all to be published", () => audit.status().publisher?.unshippedRecords === 0);
    expect(sequencesOf(sink.topic)).toEqual(count(audit.status().sequence));
    expect(readdirSync(path.join(dataDir, "journal")).length).toBeLessThanOrEqual(4);
  });
});

describe("the instance of a data directory", () => {
  it("stays over restarts, and is a new one where the journal is gone", async () => {
    const dataDir = temporaryFolder();
    const first = open(dataDir);
    const { instance } = first.status();
    await first.close(0);
    expect(readFileSync(path.join(dataDir, "instance.json"), "utf8")).toContain(instance);
    const second = open(dataDir);
    expect(second.status().instance).toBe(instance);
    await second.close(0);

    rmSync(path.join(dataDir, "journal"), { recursive: true });
    expect(open(dataDir).status().instance).not.toBe(instance);
  });
});

describe("the tail of the trail", () => {
  async function tailed(audit: Audit, last: number): Promise<number[]> {
    const signal = new AbortController().signal;
    const entries: AuditEntry[] = [];
    for await (const more of audit.tail({ last, follow: false, signal })) entries.push(...more);
    return sequencesOf(entries);
  }

  it.each([
    [0, []],
    [3, [28, 29, 30]],
    [30, count(30)],
    [99, count(30)],
  ])("gives the last %i and ends", async (last, wanted) => {
    const audit = open(temporaryFolder());
    await appendMany(audit, 30);
    expect(await tailed(audit, last)).toEqual(wanted);
  });

  it("is empty where nothing is", async () => {
    expect(await tailed(open(temporaryFolder()), 10)).toEqual([]);
  });

  it("goes on with new records until told to stop, to several readers", async () => {
    const audit = open(temporaryFolder());
    await appendMany(audit, 10);
    const stop = new AbortController();
    const follow = async (): Promise<number[]> => {
      const seen: number[] = [];
      for await (const more of audit.tail({ last: 2, follow: true, signal: stop.signal })) {
        seen.push(...sequencesOf(more));
        if (seen.at(-1) === 40) return seen;
      }
      return seen;
    };
    const readers = [follow(), follow()];
    await appendMany(audit, 40, 11);
    expect(await Promise.all(readers)).toEqual([count(40, 9), count(40, 9)]);
    const last = follow();
    stop.abort();
    await last;
  });
});
