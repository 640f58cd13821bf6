import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StileError } from "../core/errors.ts";

const META_MAGIC = 0xbeefc0de;
const META_BYTES = 160;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/**
 * Looks at the two meta pages of an LMDB file before it is mapped: LMDB trusts them, and a file
 * that is not its own ends the process by a fault instead of an error. An absent or empty file is
 * fine; LMDB makes it.
 *
 * @throws StileError `state_unavailable` for a file that LMDB did not write, or a cut one.
 */
export function checkDatabaseFile(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    return; // absent, or LMDB's own error will say why it cannot be opened
  }
  try {
    const bytes = fstatSync(descriptor).size;
    if (bytes === 0) return;
    const first = metaAt(descriptor, 0);
    const pageBytes = first?.pageBytes ?? 0;
    const second = pageBytes < 512 ? undefined : metaAt(descriptor, pageBytes);
    if (first === undefined || second === undefined) throw unreadable(path, "it is damaged");
    const pages = BigInt(Math.floor(bytes / pageBytes));
    const latest = second.transaction > first.transaction ? second : first;
    if (latest.roots.some((root) => root !== NO_PAGE && root >= pages)) {
      throw unreadable(path, "it was cut short");
    }
  } finally {
    closeSync(descriptor);
  }
}

interface Meta {
  readonly pageBytes: number;
  /** First pages of LMDB's two trees: free pages, and records. */
  readonly roots: readonly bigint[];
  readonly transaction: bigint;
}

/** Offsets: a page header of 24 bytes, then struct MDB_meta of lmdb 3.5 (little-endian hosts). */
function metaAt(descriptor: number, position: number): Meta | undefined {
  const page = Buffer.alloc(META_BYTES);
  if (readSync(descriptor, page, 0, META_BYTES, position) < META_BYTES) return undefined;
  if (page.readUInt32LE(24) !== META_MAGIC) return undefined;
  return {
    pageBytes: page.readUInt32LE(48),
    roots: [page.readBigUInt64LE(88), page.readBigUInt64LE(136)],
    transaction: page.readBigUInt64LE(152),
  };
}

function unreadable(path: string, why: string): StileError {
  return new StileError(
    "state_unavailable",
    `${path} is not a state database of Stile, or ${why}; restore it, or move it away to begin anew without enrolled factors`,
  );
}
