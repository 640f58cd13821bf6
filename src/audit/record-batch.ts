import { hash } from "node:crypto";
import type { AuditDraft } from "../core/audit.ts";
import type { Receipt } from "../core/decision.ts";
import { StileError } from "../core/errors.ts";
import { BODY_BYTES_MAX, FRAME_HEAD_BYTES, NAME_BYTES_MAX, sealFrame } from "./frame.ts";

/** The last record of the trail: what the next one is numbered and chained from. */
export interface ChainHead {
  /** 0 before the first record. */
  readonly sequence: number;
  /** SHA-256 of the record's body, 64 hex digits. */
  readonly hash: string;
}

const COMMA = 0x2c;
const CLOSING_BRACE = 0x7d;

/** A UTF-16 unit takes at most three bytes of UTF-8. */
const UTF8_BYTES_MAX = 3;
/** More than the fixed members of a body, in UTF-16 units; the ids inside come on top. */
const FIXED_UNITS = 384;

/**
 * Frames of the records of one turn of the event loop, in one buffer that is used again and
 * again. The encoder of the hot path: it builds no object but the receipt.
 */
export class RecordBatch {
  readonly #instance: string;
  readonly #instanceMember: string;
  #buffer: Buffer;
  #usedBytes = 0;
  #count = 0;
  #sequence: number;
  #hash: string;
  #committed: ChainHead;
  /** RFC 3339 up to the seconds, of the second that was written last. */
  #second = Number.NaN;
  #secondText = "";

  /** @param capacityBytes how large a batch may grow; a single record may be larger. */
  constructor(options: {
    readonly instance: string;
    readonly head: ChainHead;
    readonly capacityBytes: number;
  }) {
    this.#instance = options.instance;
    this.#instanceMember = `,"instance":${JSON.stringify(options.instance)},"sequence":`;
    this.#buffer = Buffer.allocUnsafeSlow(options.capacityBytes);
    this.#committed = options.head;
    this.#sequence = options.head.sequence;
    this.#hash = options.head.hash;
  }

  /** The record added last. */
  get head(): ChainHead {
    return { sequence: this.#sequence, hash: this.#hash };
  }

  /** The record before the first of this batch. */
  get before(): ChainHead {
    return this.#committed;
  }

  get count(): number {
    return this.#count;
  }

  /** The frames; valid until the next `add`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#usedBytes);
  }

  /** @returns whether the draft fits beside what the batch already holds. An empty batch fits all. */
  fits(draft: AuditDraft): boolean {
    return this.#count === 0 || this.#usedBytes + bytesMax(draft) <= this.#buffer.length;
  }

  /**
   * Numbers, chains and encodes a record.
   *
   * @throws StileError `audit_unavailable` when the record is too large; the batch is unchanged.
   */
  add(draft: AuditDraft): Receipt {
    const start = this.#usedBytes;
    this.#reserve(start + bytesMax(draft));
    const buffer = this.#buffer;
    const sequence = this.#sequence + 1;

    const idAt = start + FRAME_HEAD_BYTES;
    const idBytes = buffer.write(draft.id, idAt);
    const typeBytes = buffer.write(draft.type, idAt + idBytes);
    const subjectAt = idAt + idBytes + typeBytes;
    const subjectBytes = buffer.write(draft.subject, subjectAt);
    const bodyAt = subjectAt + subjectBytes;
    const end = this.#writeBody(draft, sequence, bodyAt);
    refuseTooLarge(draft, { idBytes, subjectBytes, bodyBytes: end - bodyAt });

    sealFrame(buffer, start, end, {
      timeMs: draft.timeMs,
      sequence,
      idBytes,
      typeBytes,
      subjectBytes,
    });
    const digest = hash("sha256", buffer.subarray(bodyAt, end), "hex");
    this.#usedBytes = end;
    this.#count += 1;
    this.#sequence = sequence;
    this.#hash = digest;
    return { instance: this.#instance, sequence, hash: Buffer.from(digest, "hex") };
  }

  /** The batch is in the journal: the next one begins behind it. */
  commit(): void {
    this.#committed = this.head;
    this.#empty();
  }

  /** The batch is not in the journal: its numbers are given out again. */
  rewind(): void {
    this.#sequence = this.#committed.sequence;
    this.#hash = this.#committed.hash;
    this.#empty();
  }

  #empty(): void {
    this.#usedBytes = 0;
    this.#count = 0;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(bytes);
    this.#buffer.copy(larger, 0, 0, this.#usedBytes);
    this.#buffer = larger;
  }

  /**
   * Writes head and members one after the other: joining them first would copy them once more.
   *
   * @returns where the body ends.
   */
  #writeBody(draft: AuditDraft, sequence: number, start: number): number {
    const buffer = this.#buffer;
    const head = `{"id":${JSON.stringify(draft.id)},"type":"${draft.type}","time":"${this.#timeText(draft.timeMs)}","subject":${JSON.stringify(draft.subject)}${this.#instanceMember}${sequence},"prev":"${this.#hash}"`;
    let end = start + buffer.write(head, start);
    if (draft.members !== "") {
      buffer[end] = COMMA;
      end += 1;
      end += buffer.write(draft.members, end);
    }
    buffer[end] = CLOSING_BRACE;
    return end + 1;
  }

  /** Formatting a date costs as much as the checksum of a record, and most share their second. */
  #timeText(timeMs: number): string {
    const wholeMs = Math.floor(timeMs);
    const second = Math.floor(wholeMs / 1000);
    if (second !== this.#second) {
      this.#secondText = new Date(second * 1000).toISOString().slice(0, -4);
      this.#second = second;
    }
    const ms = wholeMs - second * 1000;
    return `${this.#secondText}${ms < 10 ? "00" : ms < 100 ? "0" : ""}${ms}Z`;
  }
}

/** Bytes that a draft can take at most. A name is in the head and, escaped, in the body. */
function bytesMax(draft: AuditDraft): number {
  const names = draft.id.length + draft.type.length + draft.subject.length;
  // JSON writes a control character as six.
  const units = FIXED_UNITS + names * 7 + draft.members.length;
  return FRAME_HEAD_BYTES + units * UTF8_BYTES_MAX;
}

function refuseTooLarge(
  draft: AuditDraft,
  size: { readonly idBytes: number; readonly subjectBytes: number; readonly bodyBytes: number },
): void {
  if (size.bodyBytes > BODY_BYTES_MAX) {
    throw new StileError(
      "audit_unavailable",
      `record ${draft.id} has ${size.bodyBytes} bytes, at most ${BODY_BYTES_MAX} can be kept`,
    );
  }
  if (size.idBytes > NAME_BYTES_MAX || size.subjectBytes > NAME_BYTES_MAX) {
    throw new StileError(
      "audit_unavailable",
      `a record's id and subject take at most ${NAME_BYTES_MAX} bytes of UTF-8 each`,
    );
  }
}
