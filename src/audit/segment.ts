import { readdirSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { StileError } from "../core/errors.ts";

/**
 * A segment is one file of the journal, named for its first sequence. Its header:
 *
 *     8 bytes "STILEJRN" | u32 version | u32 CRC-32 of the rest of the header
 *     u64 first sequence | 32 bytes SHA-256 of the record before (zeros for the first)
 *     64 bytes instance id, ASCII, padded with zeros
 */
export interface SegmentHeader {
  readonly instance: string;
  readonly firstSequence: number;
  /** SHA-256 of the record before the first, 64 hex digits. */
  readonly prev: string;
}

/** A segment as the folder lists it. */
export interface SegmentFile {
  readonly firstSequence: number;
  readonly path: string;
}

export const SEGMENT_HEADER_BYTES = 120;
/** The `prev` of the first record of an instance. */
export const NO_RECORD_BEFORE = "0".repeat(64);
export const INSTANCE_BYTES_MAX = 64;

const MAGIC = "STILEJRN";
const VERSION = 1;
const VERSION_AT = 8;
const CHECKSUM_AT = 12;
const SEQUENCE_AT = 16;
const PREV_AT = 24;
const INSTANCE_AT = 56;

const NAME = /^(\d{16})\.journal$/;

export function segmentPath(folder: string, firstSequence: number): string {
  return path.join(folder, `${String(firstSequence).padStart(16, "0")}.journal`);
}

/** @returns the segments of a folder, oldest first. Other files are left alone. */
export function listSegments(folder: string): SegmentFile[] {
  const segments: SegmentFile[] = [];
  for (const name of readdirSync(folder).toSorted()) {
    const match = NAME.exec(name);
    if (match === null) continue;
    segments.push({ firstSequence: Number(match[1]), path: path.join(folder, name) });
  }
  return segments;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(VERSION, VERSION_AT);
  bytes.writeBigUInt64LE(BigInt(header.firstSequence), SEQUENCE_AT);
  bytes.write(header.prev, PREV_AT, "hex");
  bytes.write(header.instance, INSTANCE_AT, INSTANCE_BYTES_MAX, "latin1");
  bytes.writeUInt32LE(crc32(bytes.subarray(SEQUENCE_AT)), CHECKSUM_AT);
  return bytes;
}

/**
 * @param file for the error.
 * @throws StileError `audit_unavailable` when the bytes are no header of a version we know.
 */
export function decodeSegmentHeader(bytes: Buffer, file: string): SegmentHeader {
  const damaged = (what: string): StileError =>
    new StileError("audit_unavailable", `segment ${file} of the journal: ${what}`);
  if (bytes.length < SEGMENT_HEADER_BYTES) throw damaged("the header is cut short");
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) throw damaged("no journal segment");
  const version = bytes.readUInt32LE(VERSION_AT);
  if (version !== VERSION) {
    throw damaged(`format version ${version}, this server reads version ${VERSION}`);
  }
  const checked = bytes.subarray(SEQUENCE_AT, SEGMENT_HEADER_BYTES);
  if (crc32(checked) !== bytes.readUInt32LE(CHECKSUM_AT)) throw damaged("the header is damaged");
  const instance = bytes.toString("latin1", INSTANCE_AT, INSTANCE_AT + INSTANCE_BYTES_MAX);
  return {
    instance: instance.replace(/\0+$/, ""),
    firstSequence: Number(bytes.readBigUInt64LE(SEQUENCE_AT)),
    prev: bytes.toString("hex", PREV_AT, INSTANCE_AT),
  };
}
