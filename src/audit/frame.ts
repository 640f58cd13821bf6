import { crc32 } from "node:zlib";
import type { AuditEntry } from "../core/audit.ts";

/**
 * One record in a segment of the journal, little endian:
 *
 *     u32 length of what follows the checksum | u32 CRC-32 of it
 *     f64 time, ms since the Unix epoch | u64 sequence
 *     u16 length of id | u16 of type | u16 of subject | u16 zero
 *     id, type, subject (UTF-8) | body
 *
 * The names stand beside the body so that the publisher need not parse it.
 */
const CHECKSUM_AT = 4;
const TIME_AT = 8;
const SEQUENCE_AT = 16;
const NAMES_AT = 24;
/** Where the names begin. */
export const FRAME_HEAD_BYTES = 32;
/** Length and checksum, which the length does not count. */
const PREFIX_BYTES = 8;
const HIGH_WORD = 2 ** 32;

/** The longest body, in bytes. A reader takes a longer frame for damage. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** The longest id, type or subject, in UTF-8 bytes. */
export const NAME_BYTES_MAX = 4096;
export const FRAME_BYTES_MAX = FRAME_HEAD_BYTES + 3 * NAME_BYTES_MAX + BODY_BYTES_MAX;

/** The parts of a frame that its encoder knows once names and body are in place. */
export interface FrameHead {
  readonly timeMs: number;
  readonly sequence: number;
  readonly idBytes: number;
  readonly typeBytes: number;
  readonly subjectBytes: number;
}

/** Writes the head of a frame whose names and body already stand in `buffer` up to `end`. */
export function sealFrame(buffer: Buffer, start: number, end: number, head: FrameHead): void {
  buffer.writeUInt32LE(end - start - PREFIX_BYTES, start);
  buffer.writeDoubleLE(head.timeMs, start + TIME_AT);
  buffer.writeUInt32LE(head.sequence % HIGH_WORD, start + SEQUENCE_AT);
  buffer.writeUInt32LE(Math.floor(head.sequence / HIGH_WORD), start + SEQUENCE_AT + 4);
  buffer.writeUInt16LE(head.idBytes, start + NAMES_AT);
  buffer.writeUInt16LE(head.typeBytes, start + NAMES_AT + 2);
  buffer.writeUInt16LE(head.subjectBytes, start + NAMES_AT + 4);
  buffer.writeUInt16LE(0, start + NAMES_AT + 6);
  buffer.writeUInt32LE(crc32(buffer.subarray(start + PREFIX_BYTES, end)), start + CHECKSUM_AT);
}

/**
 * What stands at an offset: a whole frame up to `end`, the beginning of one that needs bytes up
 * to `end`, or no frame.
 */
export type FrameAt =
  | { readonly kind: "frame"; readonly sequence: number; readonly end: number }
  | { readonly kind: "short"; readonly end: number }
  | { readonly kind: "bad" };

/** Looks at one frame. `limit` is where the known bytes end. */
export function frameAt(buffer: Buffer, start: number, limit: number): FrameAt {
  if (start + FRAME_HEAD_BYTES > limit) return { kind: "short", end: start + FRAME_HEAD_BYTES };
  const end = start + PREFIX_BYTES + buffer.readUInt32LE(start);
  if (end < start + FRAME_HEAD_BYTES || end - start > FRAME_BYTES_MAX) return { kind: "bad" };
  if (end > limit) return { kind: "short", end };
  if (bodyStart(buffer, start) > end) return { kind: "bad" };
  const checksum = crc32(buffer.subarray(start + PREFIX_BYTES, end));
  if (checksum !== buffer.readUInt32LE(start + CHECKSUM_AT)) return { kind: "bad" };
  return { kind: "frame", sequence: sequenceOf(buffer, start), end };
}

/**
 * Looks for the next whole frame behind damage, at any offset. Text holds no plausible lengths,
 * so hardly any offset needs its checksum counted.
 *
 * @returns its offset, or -1.
 */
export function findFrame(buffer: Buffer, from: number, limit: number): number {
  for (let start = from; start + FRAME_HEAD_BYTES <= limit; start += 1) {
    const end = start + PREFIX_BYTES + buffer.readUInt32LE(start);
    if (end > limit || end < start + FRAME_HEAD_BYTES) continue;
    if (frameAt(buffer, start, limit).kind === "frame") return start;
  }
  return -1;
}

/** @returns the record of a whole frame; its body is a view of `buffer`, not a copy. */
export function entryAt(instance: string, buffer: Buffer, start: number, end: number): AuditEntry {
  const idAt = start + FRAME_HEAD_BYTES;
  const typeAt = idAt + buffer.readUInt16LE(start + NAMES_AT);
  const subjectAt = typeAt + buffer.readUInt16LE(start + NAMES_AT + 2);
  const bodyFrom = bodyStart(buffer, start);
  return {
    instance,
    id: buffer.toString("utf8", idAt, typeAt),
    type: buffer.toString("utf8", typeAt, subjectAt),
    timeMs: buffer.readDoubleLE(start + TIME_AT),
    subject: buffer.toString("utf8", subjectAt, bodyFrom),
    sequence: sequenceOf(buffer, start),
    body: buffer.subarray(bodyFrom, end),
  };
}

/** @returns the body of a whole frame, a view of `buffer`. */
export function bodyAt(buffer: Buffer, start: number, end: number): Buffer {
  return buffer.subarray(bodyStart(buffer, start), end);
}

function sequenceOf(buffer: Buffer, start: number): number {
  const low = buffer.readUInt32LE(start + SEQUENCE_AT);
  return low + buffer.readUInt32LE(start + SEQUENCE_AT + 4) * HIGH_WORD;
}

function bodyStart(buffer: Buffer, start: number): number {
  return (
    start +
    FRAME_HEAD_BYTES +
    buffer.readUInt16LE(start + NAMES_AT) +
    buffer.readUInt16LE(start + NAMES_AT + 2) +
    buffer.readUInt16LE(start + NAMES_AT + 4)
  );
}
