import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditEntry } from "../core/audit.ts";
import { StileError } from "../core/errors.ts";
import { entryAt, type FrameAt, findFrame, frameAt } from "./frame.ts";
import type { JournalEnd } from "./journal.ts";
import {
  decodeSegmentHeader,
  listSegments,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
} from "./segment.ts";

/** A place in a segment where whole records should be and are not. */
export interface JournalDamage {
  readonly path: string;
  readonly offset: number;
  /** Where the next whole record stands in that segment, or undefined for the next segment. */
  readonly resumesAt?: number;
}

export interface JournalReaderOptions {
  readonly folder: string;
  /** Sequence to begin at; where it is not kept any more, the oldest kept. */
  readonly from: number;
  /**
   * Where the writing journal ends, asked before each read, for readers in the server itself.
   * A reader in another process takes an unfinished end for one that is being written.
   */
  readonly end?: () => JournalEnd;
  /** Told of damage, which is then passed over. Without it, damage is an error. */
  readonly onDamage?: (damage: JournalDamage) => void;
}

const CHUNK_BYTES = 512 * 1024;
const POLL_MS = 200;
const FOLLOW_COUNT = 500;
const FOLLOW_BYTES = 1024 * 1024;

/** Reads the records of a journal in order, while it is written. One read at a time. */
export class JournalReader {
  readonly #options: JournalReaderOptions;
  #next: number;
  #segment: SegmentFile | undefined;
  #instance = "";
  #file: FileHandle | undefined;
  /** Offset in the file of the first byte of `#bytes`. */
  #base = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(options: JournalReaderOptions) {
    this.#options = options;
    this.#next = options.from;
  }

  /** Sequence of the next record that `read` looks for. */
  get next(): number {
    return this.#next;
  }

  /**
   * @returns the next records, at most `countMax` of them and, beyond the first, `bytesMax` bytes
   *   of frames; none at the present end. Bodies are views of buffers that are not used again.
   * @throws StileError `audit_unavailable` on damage, naming segment and offset.
   */
  async read(countMax: number, bytesMax: number): Promise<readonly AuditEntry[]> {
    const entries: AuditEntry[] = [];
    let bytes = 0;
    while (entries.length < countMax) {
      const at = frameAt(this.#bytes, this.#start, this.#bytes.length);
      if (at.kind !== "frame") {
        if (await this.#more(at)) continue;
        break;
      }
      if (at.sequence >= this.#next) {
        bytes += at.end - this.#start;
        if (entries.length > 0 && bytes > bytesMax) break;
        entries.push(entryAt(this.#instance, this.#bytes, this.#start, at.end));
        this.#next = at.sequence + 1;
      }
      this.#start = at.end;
    }
    return entries;
  }

  /**
   * Goes on with records as they are written, until `signal` aborts.
   *
   * @param written settles when there may be more, and when its signal aborts; without it, that
   *   is asked every 200 ms.
   */
  async *follow(
    signal: AbortSignal,
    written: (signal: AbortSignal) => Promise<unknown> = pollPause,
  ): AsyncGenerator<readonly AuditEntry[], void, void> {
    while (!signal.aborted) {
      const entries = await this.read(FOLLOW_COUNT, FOLLOW_BYTES);
      if (entries.length > 0) yield entries;
      else await written(signal);
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#segment = undefined;
    this.#hold(0, Buffer.alloc(0));
    await file?.close();
  }

  /** Brings more bytes into hand. @returns false at the present end. */
  async #more(at: Exclude<FrameAt, { kind: "frame" }>): Promise<boolean> {
    if (this.#file === undefined || this.#segment === undefined) return this.#openNext();
    const { closed, size } = await this.#known(this.#file, this.#segment);
    const position = this.#base + this.#start;
    if (at.kind === "bad") return this.#passDamage(position, { closed, size });

    const needed = at.end - this.#start;
    if (position + needed <= size) {
      const length = Math.min(Math.max(CHUNK_BYTES, needed), size - position);
      this.#hold(position, await readAt(this.#file, position, length));
      return this.#bytes.length >= needed;
    }
    if (!closed) {
      // A failed write may be replaced by another: what is in hand is not kept.
      this.#hold(position, Buffer.alloc(0));
      return false;
    }
    if (position < size) this.#report({ path: this.#segment.path, offset: position });
    return this.#openNext();
  }

  /** @returns whether the segment is finished, and how far it can be read. */
  async #known(file: FileHandle, segment: SegmentFile): Promise<Known> {
    const end = this.#options.end?.();
    if (end !== undefined && end.segment === segment.firstSequence) {
      return { closed: false, size: end.offset };
    }
    // Listed before the size is read, so that a finished segment is seen at its full size.
    const closed =
      end !== undefined ||
      listSegments(this.#options.folder).some((other) => isAfter(other, segment));
    return { closed, size: (await file.stat()).size };
  }

  async #passDamage(position: number, known: Known): Promise<boolean> {
    if (this.#file === undefined || this.#segment === undefined) return false;
    const { path } = this.#segment;
    const rest = await readAt(this.#file, position, known.size - position);
    const start = findFrame(rest, 1, rest.length);
    if (start !== -1) {
      this.#report({ path, offset: position, resumesAt: position + start });
      this.#hold(position + start, rest.subarray(start));
      return true;
    }
    this.#hold(position, Buffer.alloc(0));
    if (!known.closed) return false;
    this.#report({ path, offset: position });
    return this.#openNext();
  }

  #report(damage: JournalDamage): void {
    if (this.#options.onDamage === undefined) {
      throw new StileError(
        "audit_unavailable",
        `segment ${damage.path} of the journal is damaged at offset ${damage.offset}`,
      );
    }
    this.#options.onDamage(damage);
  }

  /** Opens the segment that holds the next record, or the one behind the present one. */
  async #openNext(): Promise<boolean> {
    for (;;) {
      const segment = this.#choose(listSegments(this.#options.folder));
      if (segment === undefined) return false;
      const file = await openIfThere(segment.path);
      // Dropped between listing and opening.
      if (file === undefined) continue;
      const header = await readAt(file, 0, SEGMENT_HEADER_BYTES);
      if (header.length < SEGMENT_HEADER_BYTES) {
        await file.close();
        return false;
      }
      await this.#file?.close();
      this.#instance = decodeSegmentHeader(header, segment.path).instance;
      this.#file = file;
      this.#segment = segment;
      this.#hold(SEGMENT_HEADER_BYTES, Buffer.alloc(0));
      return true;
    }
  }

  #choose(segments: readonly SegmentFile[]): SegmentFile | undefined {
    const present = this.#segment;
    if (present !== undefined) return segments.find((other) => isAfter(other, present));
    return segments.findLast((segment) => segment.firstSequence <= this.#next) ?? segments[0];
  }

  #hold(base: number, bytes: Buffer): void {
    this.#base = base;
    this.#bytes = bytes;
    this.#start = 0;
  }
}

interface Known {
  readonly closed: boolean;
  readonly size: number;
}

function isAfter(other: SegmentFile, segment: SegmentFile): boolean {
  return other.firstSequence > segment.firstSequence;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** @returns fewer bytes where the file ends before. A new buffer each time: records are views. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function pollPause(signal: AbortSignal): Promise<void> {
  await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
}
