import { existsSync } from "node:fs";
import path from "node:path";
import type { SourceRecord } from "../core/audit.ts";
import { StileError } from "../core/errors.ts";
import { BODY_BYTES_MAX } from "./frame.ts";
import { type JournalDamage, JournalReader } from "./journal-reader.ts";

const READ_COUNT = 1000;
const READ_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads the journal of a data directory to its present end, also while a server writes it.
 *
 * @param onDamage told of places that hold no whole record; reading goes on behind them.
 * @throws StileError `audit_unavailable` when there is no journal.
 */
export async function* journalRecords(
  dataDir: string,
  onDamage: (damage: JournalDamage) => void,
): AsyncGenerator<readonly SourceRecord[], void, void> {
  const folder = path.join(dataDir, "journal");
  if (!existsSync(folder)) {
    throw new StileError("audit_unavailable", `no journal is in ${dataDir} (looked for ${folder})`);
  }
  const reader = new JournalReader({ folder, from: 1, onDamage });
  try {
    for (;;) {
      const entries = await reader.read(READ_COUNT, READ_BYTES);
      if (entries.length === 0) return;
      yield entries.map(({ body, sequence }) => ({ body, lane: "journal", offset: sequence }));
    }
  } finally {
    await reader.close();
  }
}

/**
 * Reads an export: one record a line. Empty lines are passed over.
 *
 * @param name of the file, for places.
 * @throws StileError `audit_unavailable` for a line longer than any record.
 */
export async function* lineRecords(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<readonly SourceRecord[], void, void> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  const take = (bytes: Buffer): SourceRecord[] => {
    line += 1;
    const body = bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes;
    return body.length === 0 ? [] : [{ body, lane: name, offset: line }];
  };
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const records: SourceRecord[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      records.push(...take(bytes.subarray(start, end)));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > BODY_BYTES_MAX) {
      throw new StileError(
        "audit_unavailable",
        `line ${line + 1} of ${name} has more than ${BODY_BYTES_MAX} bytes, so it is no record`,
      );
    }
    if (records.length > 0) yield records;
  }
  const last = rest.length === 0 ? [] : take(rest);
  if (last.length > 0) yield last;
}
