import { StileError } from "../core/errors.ts";

const BLOCK = 512;
const ENTRIES_MAX = 1_000;
const NAME_BYTES_MAX = 1_024;

/**
 * Reads a tar archive: ustar with pax and GNU long names, as `opa build`, GNU tar and bsdtar write
 * it. Directories are left out; links and devices are refused, since a bundle needs none and they
 * may point out of it.
 *
 * @returns path → bytes (views into `archive`), paths without a leading slash.
 * @throws StileError `bundle_invalid`.
 * @see POSIX.1-2017, pax, "ustar Interchange Format".
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let at = 0;
  let entryCount = 0;
  let named: PaxRecords = {};
  for (;;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw truncated();
    if (header.every((byte) => byte === 0)) break;
    checkHeader(header, at);
    entryCount += 1;
    if (entryCount > ENTRIES_MAX) throw invalid(`more than ${ENTRIES_MAX} entries`);
    const sizeBytes = named.sizeBytes ?? octal(header, 124, 12);
    const start = at + BLOCK;
    const body = archive.subarray(start, start + sizeBytes);
    if (body.length < sizeBytes) throw truncated();
    at = start + Math.ceil(sizeBytes / BLOCK) * BLOCK;

    const type = String.fromCharCode(header[156] ?? 0);
    if (type === "x") {
      named = { ...named, ...paxRecords(body) };
      continue;
    }
    if (type === "L") {
      named = { ...named, path: text(body) };
      continue;
    }
    const path = safePath(named.path ?? headerName(header));
    named = {};
    if (type === "0" || type === "\0" || type === "7") {
      if (files.has(path)) throw invalid(`${path} stands in it twice`);
      files.set(path, body);
    } else if (type !== "5" && type !== "g") {
      throw invalid(`${path} is a link or a device, only files are accepted`);
    }
  }
  if (files.size === 0) throw invalid("empty archive");
  return files;
}

interface PaxRecords {
  readonly path?: string;
  readonly sizeBytes?: number;
}

function invalid(what: string): StileError {
  return new StileError("bundle_invalid", what);
}

function truncated(): StileError {
  return invalid("truncated archive: it ends before its end marker");
}

/** The checksum counts its own field as spaces. */
function checkHeader(header: Uint8Array, at: number): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i += 1) {
    if (i < 148 || i >= 156) sum += header[i] ?? 0;
  }
  if (sum !== octal(header, 148, 8)) throw invalid(`not a tar archive: no header at byte ${at}`);
}

function headerName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const isUstar = text(header.subarray(257, 262)) === "ustar";
  // GNU tar keeps times where ustar has the prefix; its magic goes on with a space.
  const prefix = isUstar && header[262] === 0 ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function octal(header: Uint8Array, from: number, length: number): number {
  const digits = text(header.subarray(from, from + length)).trim();
  if (!/^[0-7]{1,12}$/.test(digits)) {
    throw invalid("not a tar archive, or an entry too large: a number in a header is not octal");
  }
  return Number.parseInt(digits, 8);
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  if (bytes.length > NAME_BYTES_MAX && (end === -1 || end > NAME_BYTES_MAX)) {
    throw invalid(`a name of more than ${NAME_BYTES_MAX} bytes`);
  }
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

/** Records are `<length> <key>=<value>\n`, the length counting itself. */
function paxRecords(body: Uint8Array): PaxRecords {
  const records: { path?: string; sizeBytes?: number } = {};
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space === -1 ? at : space));
    const end = at + length;
    if (!Number.isSafeInteger(length) || length < 5 || end > bytes.length) {
      throw invalid("a pax header that cannot be read");
    }
    const record = bytes.toString("utf8", space + 1, end - 1);
    const equals = record.indexOf("=");
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key === "path") records.path = value;
    if (key === "size") {
      if (!/^[0-9]{1,15}$/.test(value)) throw invalid("a pax header that cannot be read");
      records.sizeBytes = Number(value);
    }
    at = end;
  }
  return records;
}

function safePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\\") || name.includes("\0")) {
    throw invalid(`path ${JSON.stringify(name.slice(0, 100))} leaves the bundle`);
  }
  return parts.join("/");
}
