import { describe, expect, it } from "vitest";
import { verifyChain } from "../../src/audit/chain.ts";
import type { AuditEntry } from "../../src/core/audit.ts";
import {
  appendAll,
  drafts,
  openJournal,
  openTrail,
  readAll,
  temporaryFolder,
} from "./trail-kit.ts";

async function records(count: number, instance = "a"): Promise<AuditEntry[]> {
  const folder = temporaryFolder();
  await appendAll(openTrail(openJournal(folder, { newInstance: () => instance })), drafts(count));
  return [...(await readAll(folder))];
}

function altered(entry: AuditEntry | undefined): AuditEntry {
  if (entry === undefined) throw new Error("no entry");
  return { ...entry, body: Buffer.from(String(entry.body).replace("allow", "deny")) };
}

function found(entries: AuditEntry[]): string[] {
  return verifyChain(entries).findings.map(
    ({ kind, instance, from, to }) => `${kind} ${instance} ${from}-${to}`,
  );
}

describe("the check of a chain", () => {
  it("finds nothing in what was written, delivered once or twice", async () => {
    const all = await records(20);
    expect(verifyChain(all)).toMatchObject({ records: 20, findings: [] });
    expect(verifyChain([...all, ...all])).toMatchObject({ records: 20, findings: [] });
  });

  it("begins anywhere", async () => {
    const report = verifyChain((await records(20)).slice(7));
    expect(report).toMatchObject({ records: 13, findings: [] });
    expect(report.instances.get("a")).toEqual({ first: 8, last: 20 });
  });

  it.each<[string, (all: AuditEntry[]) => AuditEntry[], string[]]>([
    ["one missing", (all) => all.toSpliced(4, 1), ["missing a 5-5"]],
    ["several missing", (all) => all.toSpliced(4, 3), ["missing a 5-7"]],
    ["one altered", (all) => all.with(4, altered(all[4])), ["altered a 5-6"]],
    ["one with two contents", (all) => [...all, altered(all[4])], ["altered a 5-5"]],
    [
      "two that changed places",
      (all) => [...all.slice(0, 4), ...all.slice(5, 6), ...all.slice(4, 5), ...all.slice(6)],
      ["reordered a 5-5"],
    ],
    [
      "one that is no record",
      (all) => all.with(4, { ...altered(all[4]), body: Buffer.from("{}") }),
      ["malformed  5-5", "missing a 5-5"],
    ],
  ])("finds %s", async (_, change, findings) => {
    expect(found(change(await records(10)))).toEqual(findings);
  });

  it("looks at each instance by itself", async () => {
    const mine = await records(6, "a");
    const other = await records(6, "b");
    const mixed = mine.flatMap((entry, index) => [entry, other[index] ?? entry]);
    expect(found(mixed)).toEqual([]);
    expect(found(mixed.toSpliced(5, 1))).toEqual(["missing b 3-3"]);
  });

  it("follows a stub to the hash of the whole record", async () => {
    const all = await records(3);
    const { createHash } = await import("node:crypto");
    const sha256 = createHash("sha256")
      .update(all[1]?.body ?? "")
      .digest("hex");
    const value: unknown = JSON.parse(String(all[1]?.body));
    const stub = Buffer.from(JSON.stringify(Object.assign({}, value, { omitted: { sha256 } })));
    expect(
      found(all.map((entry, index) => (index === 1 ? { ...entry, body: stub } : entry))),
    ).toEqual([]);
  });
});
