import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyChain } from "../../src/audit/chain.ts";
import { lockDirectory } from "../../src/audit/directory-lock.ts";
import { type Compiled, compileSources } from "../real/compile.ts";
import { readAll, temporaryFolder } from "./trail-kit.ts";

/** Appends without end, some records in each turn, and prints the number of each one recorded. */
const writer = (compiled: Compiled): string => `
  const { openAudit } = await import(${JSON.stringify(compiled.url("audit/open-audit.js"))});
  const { lockDirectory } = await import(${JSON.stringify(compiled.url("audit/directory-lock.js"))});
  const { silentLog: log, silentMeter: meter } =
    await import(${JSON.stringify(compiled.url("core/telemetry.js"))});
  const [dataDir, ack] = process.argv.slice(1);
  await lockDirectory(dataDir);
  const clock = { nowMs: () => Date.now() };
  const audit = openAudit({
    dataDir, ack, sink: undefined, bytesMax: 2 ** 28, segmentBytesMax: 2 ** 16, log, meter, clock,
  });
  for (;;) {
    const turn = Array.from({ length: 1 + Math.floor(Math.random() * 20) }, () =>
      new Promise((resolve, reject) => {
        const id = crypto.randomUUID();
        const members = '"pad":"' + "x".repeat(Math.floor(Math.random() * 3000)) + '"';
        const draft = { id, type: "stile.decision.v1", timeMs: Date.now(), subject: "user:a", members };
        audit.trail.append(draft, ack, (outcome) =>
          outcome instanceof Error ? reject(outcome) : resolve(id));
      }));
    process.stdout.write((await Promise.all(turn)).join("\\n") + "\\n");
  }
`;

describe("a process killed at any moment", () => {
  let compiled: Compiled;
  beforeAll(async () => {
    compiled = await compileSources(["audit/open-audit.ts", "audit/directory-lock.ts"]);
  });
  afterAll(() => compiled.remove());

  it.each(["journal", "synced"])(
    "has in its journal whatever it answered at level %s, numbered without gaps",
    async (ack) => {
      const dataDir = temporaryFolder();
      const answered = new Set<string>();
      for (let round = 0; round < 12; round += 1) {
        const args = ["--input-type=module", "-e", writer(compiled), dataDir, ack];
        const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
        const lines = createInterface({ input: child.stdout });
        const ended = Promise.all([once(child, "exit"), once(lines, "close")]);
        const enough = answered.size + 40 + round * 23;
        lines.on("line", (line) => {
          // The last line may be cut off.
          if (line.length === 36) answered.add(line);
          if (answered.size >= enough) child.kill("SIGKILL");
        });
        await ended;
        expect(child.signalCode).toBe("SIGKILL");
      }

      const entries = await readAll(path.join(dataDir, "journal"));
      const ids = new Set(entries.map((entry) => entry.id));
      expect([...answered].filter((id) => !ids.has(id))).toEqual([]);
      expect(answered.size).toBeGreaterThan(12 * 40);
      expect(verifyChain(entries)).toMatchObject({ records: ids.size, findings: [] });
      const lock = await lockDirectory(dataDir);
      lock.release();
    },
  );
});
