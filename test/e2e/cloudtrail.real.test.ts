import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Ran, runStile } from "./run-stile.ts";

const LOG = join(import.meta.dirname, "../../../shared/vectors/risk/invictus-cloudtrail.jsonl");
const isThere = existsSync(LOG);
if (!isThere && process.env["CI"] === "true") throw new Error(`${LOG} is not there`);
if (!isThere) console.warn(`SKIPPED, real part missing: ${LOG}`);

const counts = z.object({
  allow: z.number(),
  deny: z.number(),
  deny_unasked: z.number(),
  step_up: z.number(),
});
const summarySchema = z.object({
  lines: z.number(),
  unread: z.number(),
  outcomes: counts,
  by_subject: z.record(z.string(), counts),
  by_action: z.record(z.string(), counts),
  by_reason: z.record(z.string(), z.number()),
});

/** Half an hour of an account under attack, in which two people and many programs acted. */
describe.skipIf(!isThere)("a real CloudTrail log, decided under the shipped pack", () => {
  let ran: Ran;
  let summary: z.infer<typeof summarySchema>;
  beforeAll(async () => {
    ran = await runStile(["--json", "demo", "--cloudtrail", LOG]);
    summary = summarySchema.parse(JSON.parse(ran.stdout));
  });

  it("ends well and says nothing of errors", () => {
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("has an answer for every line", () => {
    const { allow, deny, step_up: stepUp } = summary.outcomes;
    expect({ lines: summary.lines, unread: summary.unread }).toEqual({ lines: 1933, unread: 0 });
    expect(allow + deny + stepUp).toBe(1933);
  });

  it("gives none by a fault or by input that the pack does not understand", () => {
    const known = new Set(Object.keys(summary.by_reason));
    const faults = [...known].filter((code) => code.startsWith("policy_"));
    expect(faults).toEqual([]);
    for (const code of ["malformed_input", "no_role", "no_rule", "audit_unavailable"]) {
      expect(known).not.toContain(code);
    }
  });

  // A change of the pack, or of the mapping, changes these numbers on purpose.
  it("counts as it did before", () => {
    expect(summary.outcomes).toEqual({ allow: 1313, deny: 454, deny_unasked: 313, step_up: 166 });
    expect(summary.by_subject["user:bert-jan"]).toEqual({
      allow: 944,
      deny: 362,
      deny_unasked: 313,
      step_up: 166,
    });
    expect(summary.by_reason).toEqual({
      not_in_catalogue: 1444,
      permitted: 1313,
      country_missing: 377,
      device_missing: 377,
      feature_missing: 377,
      step_up_unavailable: 313,
      not_permitted: 141,
      critical_action: 102,
    });
  });

  it.each([
    "secret.read",
    "secret.write",
    "secret.delete",
    "security_group.change",
    "route.change",
    "role.change",
    "user.grant_role",
    "policy.change",
    "bucket.delete",
    "bucket.policy_change",
    "system.halt",
    "host.ssh",
    "logging.stop",
    "audit.disable",
    "audit.delete",
  ])("plainly allows nobody %s", (action) => {
    const { allow, deny = 0, step_up: stepUp = 0 } = summary.by_action[action] ?? {};
    expect(allow).toBe(0);
    expect(deny + stepUp).toBeGreaterThan(0);
  });
});
