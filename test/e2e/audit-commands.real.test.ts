import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Answer, Question } from "../../src/client/stile-client.ts";
import { requireReal } from "../real/require-real.ts";
import { runStile } from "./run-stile.ts";
import { startStile } from "./stile-server.ts";

const ROOT = join(import.meta.dirname, "../..");
const SHIPPED = join(ROOT, "policies/sre.tar.gz");
const PEOPLE = ["ada", "bo", "cleo", "dov", "esra", "finn", "guest"];
const ACTIONS = [
  "dashboard.read",
  "log.read",
  "deploy.staging",
  "deploy.production",
  "secret.read",
];
const DECISIONS = 600;

const opa = await requireReal("opa");
const folder = mkdtempSync(join(tmpdir(), "stile-audit-commands-"));
const dataDir = join(folder, "data");
const answers: Answer[] = [];

const replaySchema = z.object({
  replayed: z.number(),
  identical: z.number(),
  same_bundle: z.number(),
  mismatches: z.number(),
  flips: z.record(z.string(), z.number()),
  budget_breaches: z.array(z.unknown()),
});

function questionOf(index: number): Question {
  return {
    subject: { type: "user", id: PEOPLE[index % PEOPLE.length] ?? "" },
    action: { name: ACTIONS[index % ACTIONS.length] ?? "" },
    resource: { type: "service", id: `s${index % 3}` },
    // A number that JavaScript cannot hold, and one member that changes.
    context: { device_id: `d${index % 4}`, country: "NL", ip: "192.0.2.1", build: index },
  };
}

beforeAll(async () => {
  const stile = await startStile({ dataDir });
  const questions = Array.from({ length: DECISIONS }, (_, index) => questionOf(index));
  answers.push(...(await stile.client().decideBatch(questions)));
  await stile.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the audit commands, over the journal that a server left", () => {
  it("verify finds the trail whole, and its end signed", async () => {
    const { code, stdout } = await runStile(["audit", "verify", "--journal", dataDir]);
    expect(stdout).toContain("whole");
    expect(code).toBe(0);
  });

  it("verify finds each kind of tampering in an export, and where", async () => {
    const exported = join(folder, "export.jsonl");
    const out = await runStile(["audit", "export", "--journal", dataDir, "--output", exported]);
    expect(out.code).toBe(0);
    const lines = readFileSync(exported, "utf8").trimEnd().split("\n");
    const at = 300;
    const line = lines[at] ?? "";
    const tampered: readonly (readonly [string, readonly string[]])[] = [
      ["missing", lines.toSpliced(at, 1)],
      ["altered", lines.with(at, line.replace('"subject":"user:', '"subject":"User:'))],
      ["reordered", lines.toSpliced(at, 1).toSpliced(at + 3, 0, line)],
      ["foreign", lines.toSpliced(at, 0, '{"hello":"there"}')],
    ];
    for (const [kind, changed] of tampered) {
      const file = join(folder, `${kind}.jsonl`);
      writeFileSync(file, `${changed.join("\n")}\n`);
      const { code, stdout } = await runStile(["audit", "verify", "--file", file]);
      expect({ kind, code, found: stdout.includes(kind) }).toEqual({ kind, code: 1, found: true });
    }
  });

  it("receipt finds a decision again by what its caller was told", async () => {
    const { decisionId, receipt } = answers[17] ?? {};
    const asked = ["--json", "audit", "receipt", decisionId ?? "", "--journal", dataDir];
    const found = await runStile([...asked, "--check", receipt?.hash ?? ""]);
    expect(found.code).toBe(0);
    const none = await runStile(["audit", "receipt", "no-such-id", "--journal", dataDir]);
    expect(none.code).toBe(1);
  });

  it("query finds by subject and outcome", async () => {
    const query = ["--subject", "user:dov", "--outcome", "deny", "--journal", dataDir];
    const { code, stdout } = await runStile(["--json", "audit", "query", ...query]);
    const wanted = answers.filter(
      ({ kind }, index) => kind === "deny" && questionOf(index).subject.id === "dov",
    );
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(wanted.length);
  });
});

describe.skipIf(!opa.present)("replay", () => {
  it("gives every answer again by the same bundle, bit for bit", async () => {
    const words = ["--json", "replay", "--bundle", SHIPPED, "--journal", dataDir];
    const { code, stdout } = await runStile(words);
    expect(code).toBe(0);
    const {
      replayed,
      identical,
      same_bundle: sameBundle,
      mismatches,
    } = replaySchema.parse(JSON.parse(stdout));
    expect({ replayed, identical, sameBundle, mismatches }).toEqual({
      replayed: DECISIONS,
      identical: DECISIONS,
      sameBundle: DECISIONS,
      mismatches: 0,
    });
  });

  it("shows what a candidate would turn round, and holds it to a budget", async () => {
    const source = join(folder, "candidate");
    cpSync(join(ROOT, "policies/sre"), source, { recursive: true });
    const data = join(source, "data.json");
    const strict = readFileSync(data, "utf8").replace(
      '"log.read": {"class": "observe", "level": "low"',
      '"log.read": {"class": "observe", "level": "critical"',
    );
    writeFileSync(data, strict);
    const candidate = join(folder, "candidate.tar.gz");
    expect((await runStile(["build", source, "--output", candidate])).code).toBe(0);
    const budget = join(folder, "budget.yaml");
    writeFileSync(budget, "budget:\n  - { action: log.read, most: 2 }\n");
    const words = [
      "--json",
      "replay",
      "--bundle",
      candidate,
      "--journal",
      dataDir,
      "--budget",
      budget,
    ];
    const { code, stdout } = await runStile(words);
    const { flips, mismatches, budget_breaches: breaches } = replaySchema.parse(JSON.parse(stdout));
    expect(Object.keys(flips).length).toBeGreaterThan(0);
    expect(mismatches).toBe(0);
    expect(breaches.length).toBeGreaterThan(0);
    expect(code).toBe(1);
  });
});
