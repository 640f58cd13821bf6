import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { Journal, type JournalOptions } from "../../src/audit/journal.ts";
import { type JournalFiles, nodeFiles } from "../../src/audit/journal-files.ts";
import { JournalReader } from "../../src/audit/journal-reader.ts";
import { JournalTrail, type JournalTrailOptions } from "../../src/audit/journal-trail.ts";
import type { AuditDraft, AuditEntry } from "../../src/core/audit.ts";
import type { AuditAck, Receipt } from "../../src/core/decision.ts";
import type { StileError } from "../../src/core/errors.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";

/** A folder of this test, removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "stile-audit-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function draft(number: number, members = `"outcome":"allow","n":${number}`): AuditDraft {
  return {
    id: `record-${number}`,
    type: "stile.decision.v1",
    timeMs: 1_795_000_000_000 + number,
    subject: `user:${number % 3}`,
    members,
  };
}

export function drafts(count: number, from = 1): AuditDraft[] {
  return Array.from({ length: count }, (_, index) => draft(from + index));
}

/** Appends all in one turn. @returns the outcomes, in order of the drafts. */
export function appendAll(
  trail: JournalTrail,
  all: readonly AuditDraft[],
  ack: AuditAck = "journal",
): Promise<(Receipt | StileError)[]> {
  return Promise.all(
    all.map(
      (one) => new Promise<Receipt | StileError>((resolve) => trail.append(one, ack, resolve)),
    ),
  );
}

export function openJournal(folder: string, options: Partial<JournalOptions> = {}): Journal {
  return new Journal({
    folder,
    newInstance: () => "test-instance",
    segmentBytesMax: 64 * 1024,
    bytesMax: 1024 * 1024,
    keepUnshipped: false,
    shippedBytesKept: 0,
    ...options,
  });
}

export function openTrail(
  journal: Journal,
  options: Partial<JournalTrailOptions> = {},
): JournalTrail {
  return new JournalTrail({
    journal,
    ack: "journal",
    published: false,
    waitingMax: 10_000,
    onWritten: () => undefined,
    log: silentLog,
    meter: silentMeter,
    ...options,
  });
}

/** Reads all that a folder holds, as another process would. */
export async function readAll(folder: string, from = 1): Promise<readonly AuditEntry[]> {
  const reader = new JournalReader({ folder, from });
  const entries: AuditEntry[] = [];
  try {
    for (;;) {
      const more = await reader.read(1000, 1024 * 1024);
      if (more.length === 0) return entries;
      entries.push(...more);
    }
  } finally {
    await reader.close();
  }
}

export function sequencesOf(entries: readonly { readonly sequence: number }[]): number[] {
  return entries.map((entry) => entry.sequence);
}

/** 1, 2, 3 … */
export function count(to: number, from = 1): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Files whose calls fail when told to. */
export function faultyFiles(): {
  readonly files: JournalFiles;
  readonly faults: { writeAfterBytes: number; truncate: boolean; sync: boolean; create: boolean };
  readonly writes: number[];
} {
  /** `writeAfterBytes`: so many more bytes can be written, then the disk is full. */
  const faults = {
    writeAfterBytes: Number.POSITIVE_INFINITY,
    truncate: false,
    sync: false,
    create: false,
  };
  const writes: number[] = [];
  const files: JournalFiles = {
    ...nodeFiles,
    create(file) {
      if (faults.create) throw new Error("ENOSPC: no space left on device");
      return nodeFiles.create(file);
    },
    write(fd, bytes, offset, position) {
      const room = Math.min(faults.writeAfterBytes, bytes.length - offset);
      if (room <= 0) throw new Error("ENOSPC: no space left on device");
      faults.writeAfterBytes -= room;
      writes.push(room);
      return nodeFiles.write(fd, bytes.subarray(0, offset + room), offset, position);
    },
    truncate(fd, bytes) {
      if (faults.truncate) throw new Error("EIO: i/o error");
      nodeFiles.truncate(fd, bytes);
    },
    sync(fd, done) {
      if (faults.sync) setImmediate(() => done(new Error("EIO: i/o error")));
      else nodeFiles.sync(fd, done);
    },
  };
  return { files, faults, writes };
}
