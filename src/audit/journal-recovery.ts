import { hash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StileError } from "../core/errors.ts";
import { bodyAt, findFrame, frameAt } from "./frame.ts";
import type { JournalFiles } from "./journal-files.ts";
import type { ChainHead } from "./record-batch.ts";
import {
  decodeSegmentHeader,
  listSegments,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
} from "./segment.ts";

/** What the folder of a journal holds, after repair. */
export interface Recovered {
  /** Oldest first. */
  readonly segments: readonly SegmentFile[];
  /** "" where there is no segment. */
  readonly instance: string;
  readonly head: ChainHead | undefined;
  /** Where the last segment's next frame goes; undefined where it must not grow any more. */
  readonly endOffset: number | undefined;
  /** Bytes of an unfinished write that were cut off. */
  readonly tornBytes: number;
  /** Where the last segment is damaged in front of whole records, which are kept. */
  readonly damagedAt: { readonly path: string; readonly offset: number } | undefined;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Looks at the last segment of a journal, which is the only one that a crash can leave unfinished,
 * and cuts off an unfinished write. Bytes that are no frame in front of whole frames are no
 * unfinished write but damage: nothing is cut then, and the segment is not written to any more.
 *
 * @throws StileError `audit_unavailable`, naming segment and offset, where a header is damaged.
 */
export function recoverJournal(folder: string, files: JournalFiles): Recovered {
  const segments = listSegments(folder);
  let tornBytes = 0;
  for (;;) {
    const last = segments.at(-1);
    if (last === undefined) return { ...emptyJournal, tornBytes };
    const scan = scanSegment(last);
    if (scan !== undefined) {
      if (scan.tornAt !== undefined) {
        cut(files, last.path, scan.tornAt);
        tornBytes += scan.sizeBytes - scan.tornAt;
      }
      return {
        segments,
        instance: scan.instance,
        head: scan.head,
        endOffset: scan.damagedAt === undefined ? (scan.tornAt ?? scan.sizeBytes) : undefined,
        tornBytes,
        damagedAt:
          scan.damagedAt === undefined ? undefined : { path: last.path, offset: scan.damagedAt },
      };
    }
    // The header itself was cut short: the segment was being made, and no record is in it.
    files.unlink(last.path);
    segments.pop();
    tornBytes += SEGMENT_HEADER_BYTES;
  }
}

const emptyJournal = {
  segments: [],
  instance: "",
  head: undefined,
  endOffset: undefined,
  damagedAt: undefined,
} as const;

interface Scan {
  readonly instance: string;
  readonly head: ChainHead;
  readonly sizeBytes: number;
  readonly tornAt: number | undefined;
  readonly damagedAt: number | undefined;
}

/** @returns undefined where the file is shorter than a header. */
function scanSegment(segment: SegmentFile): Scan | undefined {
  const fd = openSync(segment.path, "r");
  try {
    const sizeBytes = fstatSync(fd).size;
    if (sizeBytes < SEGMENT_HEADER_BYTES) return undefined;
    const header = decodeSegmentHeader(readAt(fd, 0, SEGMENT_HEADER_BYTES), segment.path);
    if (header.firstSequence !== segment.firstSequence) {
      throw new StileError(
        "audit_unavailable",
        `segment ${segment.path} of the journal begins with record ${header.firstSequence}`,
      );
    }
    const before = { sequence: header.firstSequence - 1, hash: header.prev };
    return { instance: header.instance, sizeBytes, ...scanFrames(fd, sizeBytes, before) };
  } finally {
    closeSync(fd);
  }
}

/** Follows the frames to the last whole one. */
function scanFrames(
  fd: number,
  sizeBytes: number,
  before: ChainHead,
): Pick<Scan, "head" | "tornAt" | "damagedAt"> {
  let head = before;
  let damagedAt: number | undefined;
  let last: { bytes: Buffer; start: number; end: number } | undefined;
  let bytes: Buffer = Buffer.alloc(0);
  /** Offset in the file of the first of `bytes`. */
  let base = SEGMENT_HEADER_BYTES;
  let start = 0;
  const settled = (tornAt: number | undefined) => {
    if (last !== undefined) {
      const body = bodyAt(last.bytes, last.start, last.end);
      head = { ...head, hash: hash("sha256", body, "hex") };
    }
    return { head, tornAt: damagedAt === undefined ? tornAt : undefined, damagedAt };
  };

  for (;;) {
    if (base + start === sizeBytes) return settled(undefined);
    const at = frameAt(bytes, start, bytes.length);
    if (at.kind === "frame" && at.sequence > head.sequence) {
      if (at.sequence !== head.sequence + 1) damagedAt ??= base + start;
      head = { sequence: at.sequence, hash: head.hash };
      last = { bytes, start, end: at.end };
      start = at.end;
      continue;
    }
    if (at.kind === "short" && base + at.end <= sizeBytes) {
      base += start;
      bytes = readAt(fd, base, Math.min(Math.max(CHUNK_BYTES, at.end - start), sizeBytes - base));
      start = 0;
      continue;
    }
    // No frame. Whether anything whole stands behind it decides what it is.
    base += start;
    bytes = readAt(fd, base, sizeBytes - base);
    start = findFrame(bytes, 1, bytes.length);
    if (start === -1) return settled(base);
    damagedAt ??= base;
  }
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function cut(files: JournalFiles, path: string, offset: number): void {
  const fd = files.open(path);
  try {
    files.truncate(fd, offset);
  } finally {
    files.close(fd, () => undefined);
  }
}
