import { randomUUID } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StileError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";

/** Holds a data directory against a second server. */
export interface DirectoryLock {
  /** Lets go. Nothing happens where the lock is lost already. */
  release(): void;
}

/** Who holds a lock. What the platform does not tell is "". */
interface Holder {
  readonly nonce: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot, since process ids are used again. */
  readonly startedAt: string;
  readonly bootId: string;
  /** The namespace in which `pid` means something: a container has its own. */
  readonly pidNamespace: string;
}

const LOCK_NAME = "stile.lock";
const BEAT_MS = 2000;
/** A holder that we cannot look up is taken for dead when its lock is not touched for so long. */
const SILENT_MS = 3 * BEAT_MS;
/** Taking over takes microseconds; a claim older than this was left by a process that died. */
const CLAIM_STALE_MS = 10_000;

/** A lock not touched for so long is stale even where clocks differ a little. */
const LONG_SILENT_MS = 60_000;

/**
 * Takes the data directory for this process. A file names the holder; a lock left by a killed
 * process is taken over at once where its process can be looked up, and after 6 s of silence
 * where it cannot, as after the restart of a container.
 *
 * @param onLost told when another process took the lock over, which happens only to a process
 *   that was stopped for longer than that. It must not write any more.
 * @throws StileError `data_dir_in_use`, naming the process that has it.
 */
export async function lockDirectory(
  directory: string,
  onLost: () => void = () => undefined,
): Promise<DirectoryLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lockFile = path.join(directory, LOCK_NAME);
  const self = describeSelf();
  const own = `${lockFile}.${self.nonce}`;
  writeFileSync(own, JSON.stringify(self), { mode: 0o600 });
  try {
    await take(lockFile, own);
  } finally {
    unlinkIfThere(own);
  }

  const isOurs = (): boolean => readHolder(lockFile)?.nonce === self.nonce;
  const beat = setInterval(() => {
    if (isOurs()) {
      touch(lockFile);
      return;
    }
    clearInterval(beat);
    onLost();
  }, BEAT_MS);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      if (isOurs()) unlinkIfThere(lockFile);
    },
  };
}

async function take(lockFile: string, own: string): Promise<void> {
  for (;;) {
    if (linkIfFree(own, lockFile)) return;
    const holder = readHolder(lockFile);
    if (holder === undefined) continue;
    if (await isAlive(holder, lockFile)) {
      throw new StileError(
        "data_dir_in_use",
        `the data directory ${path.dirname(lockFile)} is in use by the process with id ${holder.pid}`,
      );
    }
    if (takeOver(lockFile, own, holder)) return;
    await sleep(10);
  }
}

/**
 * Replaces a stale lock. Whoever holds the claim is alone in replacing, and looks again first:
 * else one of two newcomers would throw out the lock that the other has just taken.
 */
function takeOver(lockFile: string, own: string, stale: Holder): boolean {
  const claim = `${lockFile}.claim`;
  if (!linkIfFree(own, claim)) {
    if (ageMs(claim) > CLAIM_STALE_MS) unlinkIfThere(claim);
    return false;
  }
  try {
    if (readHolder(lockFile)?.nonce !== stale.nonce) return false;
    renameSync(own, lockFile);
    touch(lockFile);
    return true;
  } finally {
    unlinkIfThere(claim);
  }
}

async function isAlive(holder: Holder, lockFile: string): Promise<boolean> {
  const self = describeSelf();
  if (holder.bootId === self.bootId && holder.pidNamespace === self.pidNamespace) {
    if (!processExists(holder.pid)) return false;
    const startedAt = startOf(holder.pid);
    return startedAt === "" || holder.startedAt === "" || startedAt === holder.startedAt;
  }
  return isTouched(lockFile);
}

/** Watches whether the holder, wherever it runs, still touches its lock. */
async function isTouched(lockFile: string): Promise<boolean> {
  const before = ageMs(lockFile);
  if (before > LONG_SILENT_MS) return false;
  const endMs = performance.now() + SILENT_MS;
  let age = before;
  while (performance.now() < endMs) {
    await sleep(BEAT_MS / 10);
    const now = ageMs(lockFile);
    if (now < age) return true;
    age = now;
  }
  return false;
}

function describeSelf(): Holder {
  return {
    nonce: randomUUID(),
    pid: process.pid,
    startedAt: startOf(process.pid),
    bootId: textOf(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    pidNamespace: textOf(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/** @returns "" where the platform does not tell. */
function startOf(pid: number): string {
  // The name of the program stands in brackets and may hold anything; the 20th field behind it.
  const stat = textOf(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function textOf(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return "";
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === "EPERM";
  }
}

/** @returns undefined where there is no lock. One that cannot be read names no living process. */
function readHolder(lockFile: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(lockFile, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
  const value = parsed(text);
  const field = (name: string): string => {
    const member = isJsonObject(value) ? value[name] : undefined;
    return typeof member === "string" ? member : "";
  };
  const pid = isJsonObject(value) ? value["pid"] : undefined;
  const known = typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0;
  return {
    nonce: field("nonce"),
    pid: known ? pid : NO_PROCESS,
    startedAt: field("startedAt"),
    bootId: known ? field("bootId") : describeSelf().bootId,
    pidNamespace: known ? field("pidNamespace") : describeSelf().pidNamespace,
  };
}

/** Above every process id that Linux gives out. */
const NO_PROCESS = 2 ** 22 + 1;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function linkIfFree(existing: string, target: string): boolean {
  try {
    linkSync(existing, target);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

function unlinkIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
  }
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Gone or on a disk that does not answer: the next beat tells.
  }
}

/** @returns ms since the file was touched; Infinity where there is none. */
function ageMs(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}
