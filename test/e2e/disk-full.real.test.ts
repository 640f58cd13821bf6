import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { runProgram } from "../real/run-program.ts";
import { waitFor } from "../real/wait-for.ts";
import { tail } from "./audit-records.ts";
import { ALLOWED, ASKED, DENIED } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";

const MOUNT_BYTES = 8 * 1024 * 1024;

/** A file system of its own, small enough to fill. @returns undefined where none can be mounted. */
async function smallDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), "stile-disk-"));
  const options = ["-t", "tmpfs", "-o", `size=${MOUNT_BYTES}`, "tmpfs", folder];
  const mounted = await runProgram("mount", options).catch((thrown: unknown) => ({
    code: -1,
    stderr: String(thrown),
  }));
  if (mounted.code === 0) return folder;
  await rm(folder, { recursive: true });
  console.warn(
    `SKIPPED, no file system can be mounted here (${mounted.stderr.trim()}); run as root`,
  );
  return undefined;
}

const disk = await smallDisk();

describe.skipIf(disk === undefined)("a server whose disk is full", () => {
  const folder = disk ?? "";
  const filler = path.join(folder, "filler");
  let server: StileServer;
  let client: StileClient;
  beforeAll(async () => {
    server = await startStile({ dataDir: path.join(folder, "data") });
    client = server.client();
  });
  afterAll(async () => {
    await server.stop();
    await runProgram("umount", [folder]);
    await rm(folder, { recursive: true, force: true });
  });

  /** Takes all space that is left. */
  async function fill(): Promise<void> {
    const { bavail, bsize } = await statfs(folder);
    await writeFile(filler, Buffer.alloc(bavail * bsize), { flag: "a" });
  }
  const answerOf = async (question: typeof ALLOWED): Promise<string> => {
    const { kind, reasons } = await client.decide(question);
    return `${kind} ${reasons[0]?.code ?? ""}`;
  };

  it("denies what it cannot record, and goes on as before once there is space", async () => {
    expect(await answerOf(ALLOWED)).toBe("allow harmless");
    for (let round = 0; round < 3; round += 1) {
      await fill();
      // What is left of the journal's last page takes some records yet.
      await waitFor("a denial", async () => (await answerOf(ALLOWED)) === "deny audit_unavailable");
      for (const question of [ALLOWED, ASKED, DENIED]) {
        const { kind, receipt } = await client.decide(question);
        expect({ kind, receipt }).toEqual({ kind: "deny", receipt: undefined });
      }
      const many = await client.decideBatch(Array.from({ length: 100 }, () => ALLOWED));
      expect(new Set(many.map(({ kind }) => kind))).toEqual(new Set(["deny"]));
      await rm(filler);
      await waitFor("an allow", async () => (await answerOf(ALLOWED)) === "allow harmless");
    }
    expect(await answerOf(ASKED)).toMatch(/^step_up /);
  });

  it("has left no half of a record, and no gap in the numbers, also for the next start", async () => {
    const check = async (): Promise<number> => {
      const records = await tail(client, 10_000);
      const sequences = records.map(({ sequence }) => sequence);
      expect(sequences).toEqual(records.map((_, index) => index + 1));
      expect(
        records.filter(({ members }) => members["outcome"] === "allow").length,
      ).toBeGreaterThan(3);
      return records.length;
    };
    const before = await check();
    await server.kill("SIGKILL");
    await server.restart();
    client = server.client();
    expect(await check()).toBeGreaterThanOrEqual(before);
    expect(server.log()).not.toContain("audit_journal_damaged");
  });
});
