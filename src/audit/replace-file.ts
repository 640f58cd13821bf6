import { closeSync, fdatasyncSync, openSync, renameSync, writeSync } from "node:fs";

/** Replaces a small file: after a crash it holds the old text or the new one, never a part. */
export function replaceFile(file: string, text: string): void {
  const written = `${file}.new`;
  const fd = openSync(written, "w", 0o600);
  try {
    writeSync(fd, text);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(written, file);
}
