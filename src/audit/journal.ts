import { mkdirSync, statSync } from "node:fs";
import { StileError } from "../core/errors.ts";
import { type Done, type JournalFiles, nodeFiles } from "./journal-files.ts";
import { type Recovered, recoverJournal } from "./journal-recovery.ts";
import type { ChainHead } from "./record-batch.ts";
import {
  encodeSegmentHeader,
  NO_RECORD_BEFORE,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
  segmentPath,
} from "./segment.ts";

export interface JournalOptions {
  /** Made when it is not there. */
  readonly folder: string;
  /** Id for a journal that holds nothing yet. */
  readonly newInstance: () => string;
  /** A new segment is begun rather than letting one grow over this. */
  readonly segmentBytesMax: number;
  /** All segments together; at least twice `segmentBytesMax`. */
  readonly bytesMax: number;
  /**
   * Whether records must stay until they were published. Then a full journal refuses records;
   * else it drops its oldest segments.
   */
  readonly keepUnshipped: boolean;
  /** Segments whose records were all published are dropped beyond this size of the journal. */
  readonly shippedBytesKept: number;
  readonly files?: JournalFiles;
  /** Told of segments that were dropped unpublished to make room. */
  readonly onDropped?: (segment: SegmentFile, records: number) => void;
}

/** Where the written part of the journal ends. */
export interface JournalEnd {
  /** First sequence of the segment being written, which names it. */
  readonly segment: number;
  /** Bytes of that segment that are whole records. */
  readonly offset: number;
  /** Sequence of the last record; 0 where there is none. */
  readonly sequence: number;
}

interface Segment extends SegmentFile {
  bytes: number;
}

/** The segments of one instance: appends, makes durable, drops. It knows nothing of records. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  readonly #segments: Segment[] = [];
  readonly instance: string;
  readonly recovered: Recovered;
  #head: ChainHead;
  #bytes = 0;
  #shipped = 0;
  #fd = -1;
  #offset = 0;
  /** Segments finished but not yet durable. */
  #unsynced: number[] = [];
  #folderUnsynced = false;
  /** A failed write may have left bytes behind the end. */
  #tailUncertain = false;

  /**
   * Opens the journal of a folder, repaired; see `recoverJournal`.
   *
   * @throws StileError `audit_unavailable` or `invalid_config`.
   */
  constructor(options: JournalOptions) {
    if (options.bytesMax < 2 * options.segmentBytesMax) {
      throw new StileError(
        "invalid_config",
        `the journal's limit of ${options.bytesMax} bytes is less than two segments of ${options.segmentBytesMax}`,
      );
    }
    this.#options = options;
    this.#files = options.files ?? nodeFiles;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const recovered = recoverJournal(options.folder, this.#files);
    this.recovered = recovered;
    this.instance = recovered.instance === "" ? options.newInstance() : recovered.instance;
    this.#head = recovered.head ?? { sequence: 0, hash: NO_RECORD_BEFORE };
    for (const segment of recovered.segments) {
      const bytes = statSync(segment.path).size;
      this.#segments.push({ ...segment, bytes });
      this.#bytes += bytes;
    }
    const last = this.#segments.at(-1);
    if (last === undefined || recovered.endOffset === undefined) {
      this.#beginSegment();
    } else {
      this.#fd = this.#files.open(last.path);
      this.#offset = recovered.endOffset;
    }
  }

  get head(): ChainHead {
    return this.#head;
  }

  get end(): JournalEnd {
    return {
      segment: this.#segments.at(-1)?.firstSequence ?? 1,
      offset: this.#offset,
      sequence: this.#head.sequence,
    };
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Sequence of the oldest record kept; one more than the last where none is. */
  get firstSequence(): number {
    return this.#segments[0]?.firstSequence ?? 1;
  }

  /**
   * Appends whole frames: all of them or none.
   *
   * @param head the last of the records.
   * @throws StileError `audit_unavailable` when the journal is full or the write failed.
   */
  append(frames: Buffer, head: ChainHead): void {
    this.#makeRoom(frames.length);
    if (this.#offset + frames.length > this.#options.segmentBytesMax && !this.#segmentIsEmpty()) {
      this.#finishSegment();
      this.#beginSegment();
    }
    if (this.#tailUncertain) this.#cutTail();
    try {
      writeWhole(this.#files, this.#fd, frames, this.#offset);
    } catch (cause) {
      this.#tailUncertain = true;
      this.#tryCutTail();
      throw new StileError("audit_unavailable", `write ${frames.length} bytes to the journal`, {
        cause,
      });
    }
    this.#offset += frames.length;
    this.#grow(frames.length);
    this.#head = head;
  }

  /** Makes all that was appended so far durable. */
  sync(done: Done): void {
    const finished = this.#unsynced;
    this.#unsynced = [];
    if (this.#folderUnsynced) {
      try {
        this.#files.syncFolder(this.#options.folder);
        this.#folderUnsynced = false;
      } catch (error) {
        this.#unsynced = finished;
        queueMicrotask(() => done(error instanceof Error ? error : new Error(String(error))));
        return;
      }
    }
    this.#syncAll([...finished, this.#fd], (error) => {
      for (const fd of finished) this.#files.close(fd, () => undefined);
      done(error);
    });
  }

  /** All records up to a sequence are published; drops segments beyond the size to keep. */
  shipped(sequence: number): void {
    this.#shipped = Math.max(this.#shipped, sequence);
    while (this.#bytes > this.#options.shippedBytesKept && this.#oldestIsShipped()) {
      this.#dropOldest();
    }
  }

  /** Begins a new segment with the next record, since this one may not be whole on disk. */
  abandonSegment(): void {
    if (this.#segmentIsEmpty()) return;
    this.#finishSegment();
    this.#beginSegment();
  }

  /** Finished segments that `sync` has yet to make durable and close. */
  get unsyncedSegments(): number {
    return this.#unsynced.length;
  }

  close(): void {
    for (const fd of [...this.#unsynced, this.#fd]) this.#files.close(fd, () => undefined);
    this.#unsynced = [];
  }

  #makeRoom(bytes: number): void {
    const { bytesMax, keepUnshipped, onDropped } = this.#options;
    while (this.#bytes + bytes + SEGMENT_HEADER_BYTES > bytesMax) {
      const oldest = this.#segments[0];
      const next = this.#segments[1];
      if (
        oldest === undefined ||
        next === undefined ||
        (keepUnshipped && !this.#oldestIsShipped())
      ) {
        throw new StileError(
          "audit_unavailable",
          `the journal is full: ${this.#bytes} of ${bytesMax} bytes are not yet published`,
        );
      }
      const unshipped = next.firstSequence - Math.max(oldest.firstSequence, this.#shipped + 1);
      this.#dropOldest();
      if (unshipped > 0) onDropped?.(oldest, unshipped);
    }
  }

  #oldestIsShipped(): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.firstSequence - 1 <= this.#shipped;
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    try {
      this.#files.unlink(oldest.path);
    } catch {
      // Gone already, or counted and tried again when the journal is next opened.
    }
  }

  #segmentIsEmpty(): boolean {
    return this.#offset <= SEGMENT_HEADER_BYTES;
  }

  #beginSegment(): void {
    const firstSequence = this.#head.sequence + 1;
    const path = segmentPath(this.#options.folder, firstSequence);
    const header = encodeSegmentHeader({
      instance: this.instance,
      firstSequence,
      prev: this.#head.hash,
    });
    let fd = -1;
    try {
      fd = this.#files.create(path);
      writeWhole(this.#files, fd, header, 0);
    } catch (cause) {
      if (fd !== -1) this.#discard(fd, path);
      throw new StileError("audit_unavailable", `begin segment ${path} of the journal`, { cause });
    }
    if (this.#fd !== -1) this.#unsynced.push(this.#fd);
    this.#fd = fd;
    this.#offset = header.length;
    this.#tailUncertain = false;
    this.#folderUnsynced = true;
    this.#segments.push({ firstSequence, path, bytes: 0 });
    this.#grow(header.length);
  }

  /** A finished segment ends in a whole record, whatever a failed write left. */
  #finishSegment(): void {
    if (this.#tailUncertain) this.#cutTail();
  }

  #discard(fd: number, path: string): void {
    this.#files.close(fd, () => undefined);
    try {
      this.#files.unlink(path);
    } catch {
      // A header cut short is removed when the journal is next opened.
    }
  }

  #grow(bytes: number): void {
    const last = this.#segments.at(-1);
    if (last !== undefined) last.bytes += bytes;
    this.#bytes += bytes;
  }

  #tryCutTail(): void {
    try {
      this.#cutTail();
    } catch {
      // Tried again before the next write.
    }
  }

  #cutTail(): void {
    try {
      this.#files.truncate(this.#fd, this.#offset);
      this.#tailUncertain = false;
    } catch (cause) {
      throw new StileError("audit_unavailable", "cut a failed write off the journal", { cause });
    }
  }

  #syncAll(fds: readonly number[], done: Done): void {
    const [fd, ...rest] = fds;
    if (fd === undefined) {
      done(null);
      return;
    }
    this.#files.sync(fd, (error) => {
      if (error === null) this.#syncAll(rest, done);
      else done(error);
    });
  }
}

/** `write(2)` may write less than asked, as it does when the disk fills up. */
function writeWhole(files: JournalFiles, fd: number, bytes: Buffer, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = files.write(fd, bytes, written, position + written);
    if (count <= 0) throw new Error("the file took no bytes");
    written += count;
  }
}
