import {
  close,
  closeSync,
  constants,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeSync,
} from "node:fs";

/** Told how an asynchronous call ended: null for well. */
export type Done = (error: Error | null) => void;

/** The calls by which the journal writes, so that tests can let each of them fail. */
export interface JournalFiles {
  /** Makes a file, or empties it where a failed attempt left one, and opens it. */
  create(path: string): number;
  /** Opens a file that is there, for writing. */
  open(path: string): number;
  /** @returns how many bytes were written, as `write(2)` does. */
  write(fd: number, bytes: Buffer, offset: number, position: number): number;
  truncate(fd: number, bytes: number): void;
  sync(fd: number, done: Done): void;
  /** Makes the names of a folder durable. */
  syncFolder(folder: string): void;
  close(fd: number, done: Done): void;
  unlink(path: string): void;
}

/** The files of the operating system. */
export const nodeFiles: JournalFiles = {
  create: (path) => openSync(path, constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR, 0o600),
  open: (path) => openSync(path, constants.O_RDWR),
  write: (fd, bytes, offset, position) =>
    writeSync(fd, bytes, offset, bytes.length - offset, position),
  truncate: (fd, bytes) => ftruncateSync(fd, bytes),
  sync: (fd, done) => fdatasync(fd, done),
  syncFolder(folder) {
    const fd = openSync(folder, constants.O_RDONLY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  close: (fd, done) => close(fd, (error) => done(error ?? null)),
  unlink: (path) => unlinkSync(path),
};
