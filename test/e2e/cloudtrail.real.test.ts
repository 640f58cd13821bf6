import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { buildStile } from "./built-stile.ts";
import { runStile } from "./run-stile.ts";

const LOG = join(import.meta.dirname, "../../../shared/vectors/risk/invictus-cloudtrail.jsonl");
const isThere = existsSync(LOG);
if (!isThere && process.env["CI"] === "true") throw new Error(`${LOG} is not there`);
if (!isThere) process.stderr.write(`SKIPPED: ${LOG} is not there\n`);

const counts = z.object({ allow: z.number(), deny: z.number(), step_up: z.number() });
const summarySchema = z.object({
  lines: z.number(),
  unread: z.number(),
  outcomes: counts,
  byAction: z.record(z.string(), counts),
  byReason: z.record(z.string(), z.number()),
});

describe.skipIf(!isThere)("an hour of real CloudTrail", () => {
  it("is decided line by line under the shipped pack", async () => {
    await buildStile();
    const { code, stdout } = await runStile(["--json", "demo", "--cloudtrail", LOG]);
    expect(code).toBe(0);
    const { lines, unread, outcomes, byAction, byReason } = summarySchema.parse(JSON.parse(stdout));
    // A change of the pack changes these on purpose.
    expect({ lines, unread, ...outcomes }).toEqual({
      lines: 1933,
      unread: 0,
      allow: 1342,
      deny: 366,
      step_up: 225,
    });
    expect(byAction["secret.read"]?.allow).toBe(0);
    expect(Object.keys(byReason).filter((code) => code.startsWith("policy_"))).toEqual([]);
  });
});
