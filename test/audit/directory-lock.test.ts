import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type DirectoryLock, lockDirectory } from "../../src/audit/directory-lock.ts";
import { temporaryFolder } from "./trail-kit.ts";

const inUse: unknown = expect.objectContaining({ code: "data_dir_in_use" });

function lockFile(directory: string): string {
  return path.join(directory, "stile.lock");
}

/** A lock as a server of this machine leaves it, with some of its fields changed. */
async function leaveLock(
  directory: string,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const model = temporaryFolder();
  const lock = await lockDirectory(model);
  const holder: unknown = JSON.parse(readFileSync(lockFile(model), "utf8"));
  lock.release();
  writeFileSync(lockFile(directory), JSON.stringify(Object.assign({}, holder, changes)));
}

/** A process that was killed. @returns its id. */
async function killedProcess(): Promise<number> {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  child.kill("SIGKILL");
  await once(child, "exit");
  return child.pid ?? 0;
}

/** @returns whether this process can have the lock. */
async function canTake(directory: string): Promise<boolean> {
  const lock = await lockDirectory(directory);
  const isOurs = readFileSync(lockFile(directory), "utf8").includes(`"pid":${process.pid}`);
  lock.release();
  return isOurs;
}

describe("the lock of a data directory", () => {
  it("lets one in, names the holder to others, and lets the next in after release", async () => {
    const directory = temporaryFolder();
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toEqual(inUse);
    await expect(lockDirectory(directory)).rejects.toThrow(`process with id ${process.pid}`);
    lock.release();
    expect(await canTake(directory)).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("makes the directory", async () => {
    const directory = path.join(temporaryFolder(), "a", "b");
    const lock = await lockDirectory(directory);
    expect(existsSync(lockFile(directory))).toBe(true);
    lock.release();
  });

  it("takes over from a killed process", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { pid: await killedProcess() });
    expect(await canTake(directory)).toBe(true);
  });

  it("takes over where another process has the number of the killed one", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { pid: process.ppid, startedAt: "1" });
    expect(await canTake(directory)).toBe(true);
  });

  it("refuses where the process lives and its start is not known", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { pid: process.pid, startedAt: "" });
    await expect(lockDirectory(directory)).rejects.toEqual(inUse);
  });

  it.each(["", "{", '{"pid":"x"}', '{"pid":-1}'])("takes over a lock of %j", async (text) => {
    const directory = temporaryFolder();
    writeFileSync(lockFile(directory), text);
    expect(await canTake(directory)).toBe(true);
  });

  it("takes over at once from another machine's process that was silent for minutes", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { bootId: "another" });
    utimesSync(lockFile(directory), new Date(0), new Date(Date.now() - 120_000));
    expect(await canTake(directory)).toBe(true);
  });

  it("refuses where a process that cannot be looked up goes on touching its lock", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { pidNamespace: "another", pid: 1 });
    const beat = setInterval(() => utimesSync(lockFile(directory), new Date(), new Date()), 100);
    await expect(lockDirectory(directory)).rejects.toEqual(inUse);
    clearInterval(beat);
  });

  it("takes over from a process that cannot be looked up and is silent", async () => {
    const directory = temporaryFolder();
    await leaveLock(directory, { pidNamespace: "another", pid: 1 });
    expect(await canTake(directory)).toBe(true);
  }, 15_000);

  it("lets one of many in that find the same stale lock", async () => {
    const pid = await killedProcess();
    for (let round = 0; round < 20; round += 1) {
      const directory = temporaryFolder();
      await leaveLock(directory, { pid });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => lockDirectory(directory)),
      );
      const locks: DirectoryLock[] = [];
      const refusals: unknown[] = [];
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") locks.push(outcome.value);
        else refusals.push(outcome.reason);
      }
      expect(locks).toHaveLength(1);
      expect(refusals).toEqual(Array(7).fill(inUse));
      locks[0]?.release();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it("tells a holder that was displaced, and leaves the new lock alone", async () => {
    const directory = temporaryFolder();
    let lost = false;
    const lock = await lockDirectory(directory, () => {
      lost = true;
    });
    await leaveLock(directory, { nonce: "another" });
    await expect.poll(() => lost, { timeout: 10_000 }).toBe(true);
    lock.release();
    expect(existsSync(lockFile(directory))).toBe(true);
  }, 15_000);
});
