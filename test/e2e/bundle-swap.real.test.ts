import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { AuditService, PolicyService } from "../../src/wire/messages.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { type AuditRecord, recordFromText, tail } from "./audit-records.ts";
import { startLoad } from "./load.ts";
import { ALLOWED } from "./questions.ts";
import { runStile } from "./run-stile.ts";
import { type StileServer, startStile } from "./stile-server.ts";

const opa = await requireReal("opa");
const PACK = path.resolve(import.meta.dirname, "../../policies/sre");

interface Built {
  readonly bytes: Buffer;
  readonly digest: string;
}

describe.skipIf(!opa.present)("a bundle that is replaced under load", () => {
  let folder: string;
  let server: StileServer;
  let client: StileClient;
  let one: Built;
  let two: Built;
  let bundle: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-swap-"));
    one = await build("one");
    two = await build("two");
    bundle = path.join(folder, "served.tar.gz");
    await writeFile(bundle, one.bytes);
    server = await startStile({ env: { STILE_BUNDLE: bundle } });
    client = server.client();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Builds the shipped pack under another revision, by `stile build`. */
  async function build(revision: string): Promise<Built> {
    const source = path.join(folder, revision);
    await cp(PACK, source, { recursive: true });
    const data: unknown = JSON.parse(await readFile(path.join(source, "data.json"), "utf8"));
    const sre = isJsonObject(data) ? data["sre"] : undefined;
    if (!isJsonObject(sre)) throw new Error("the pack has no data");
    await writeFile(path.join(source, "data.json"), JSON.stringify({ sre: { ...sre, revision } }));
    const output = path.join(folder, `${revision}.tar.gz`);
    const env = { PATH: `${path.dirname(opa.path)}:${process.env["PATH"] ?? ""}` };
    const built = await runStile(["--json", "build", source, "-o", output], env);
    const digest = /"digest":"([^"]+)"/.exec(built.stdout)?.[1];
    if (digest === undefined) throw new Error(`stile build: ${built.stderr}`);
    return { bytes: await readFile(output), digest };
  }

  /** Puts other bytes in the bundle's place, as a deployment does: at once, or in pieces. */
  async function replace(bytes: Buffer, how: "renamed" | "written"): Promise<void> {
    if (how === "written") {
      await writeFile(bundle, bytes);
      return;
    }
    await writeFile(`${bundle}.new`, bytes);
    await rename(`${bundle}.new`, bundle);
  }
  /** Follows the records of one subject. @returns what ends that and gives them. */
  function follow(subject: string): () => Promise<AuditRecord[]> {
    const stop = new AbortController();
    const records: AuditRecord[] = [];
    const request = { last: 0, follow: true, subject };
    const stream = client.connection.serverStream(AuditService, "tail", request, stop);
    const reading = (async () => {
      for await (const { recordJson } of stream) {
        records.push(recordFromText(Buffer.from(recordJson).toString("utf8")));
      }
    })();
    return async () => {
      stop.abort();
      await reading;
      return records;
    };
  }
  const digestInForce = async (): Promise<string> => (await client.decide(ALLOWED)).policy.digest;
  const lastError = async (): Promise<string> => {
    const { bundles } = await client.connection.unary(PolicyService, "listBundles", {});
    return bundles[0]?.lastError ?? "";
  };

  it("fails no call in 20 replacements, answers by one of the two, and records which", async () => {
    expect(one.digest).not.toBe(two.digest);
    const activated = follow("policy:default");
    const load = startLoad({ client, callers: 16 });
    for (let turn = 0; turn < 20; turn += 1) {
      const next = turn % 2 === 0 ? two : one;
      await replace(next.bytes, turn % 4 < 2 ? "renamed" : "written");
      await waitFor("the next bundle", async () => (await digestInForce()) === next.digest);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    const digests = new Set([one.digest, two.digest]);
    expect(new Set(load.answers.map(({ digest }) => digest))).toEqual(digests);
    expect(load.answers.filter(({ reason }) => reason.startsWith("policy_"))).toEqual([]);

    const recorded = new Map(
      (await tail(client, 10_000)).map(({ id, members }) => [id, digestIn(members)]),
    );
    const known = load.answers.filter(({ decisionId }) => recorded.has(decisionId));
    expect(known.length).toBeGreaterThan(1_000);
    expect(known.filter((answer) => recorded.get(answer.decisionId) !== answer.digest)).toEqual([]);
    const wanted = Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? two : one).digest);
    expect((await activated()).map(({ members }) => digestIn(members))).toEqual(wanted);
  });

  it.each([
    ["empty", () => Buffer.alloc(0)],
    ["cut", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["damaged", (bytes: Buffer) => Buffer.from(bytes).fill(0xaa, 1_000, 1_100)],
  ])("keeps the last good one when the next is %s, and says so", async (_, damage) => {
    await replace(one.bytes, "renamed");
    await waitFor("the good bundle", async () => (await digestInForce()) === one.digest);
    const load = startLoad({ client, callers: 8 });
    await replace(damage(two.bytes), "renamed");
    await waitFor("the refusal", async () => (await lastError()) !== "");
    const readiness: unknown = await (await fetch(`http://${server.httpAddress}/readyz`)).json();
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(new Set(load.answers.map(({ digest }) => digest))).toEqual(new Set([one.digest]));
    expect(readiness).toMatchObject({ ready: true });
    expect(server.log()).toContain("bundle_refused");

    await replace(two.bytes, "renamed");
    await waitFor("the next good bundle", async () => (await digestInForce()) === two.digest);
    expect(await lastError()).toBe("");
  });

  it("keeps the last good one when the file is taken away, and takes it again", async () => {
    await replace(one.bytes, "renamed");
    await waitFor("the good bundle", async () => (await digestInForce()) === one.digest);
    await rm(bundle);
    expect(await digestInForce()).toBe(one.digest);
    await replace(two.bytes, "renamed");
    await waitFor("the next bundle", async () => (await digestInForce()) === two.digest);
    expect(await digestInForce()).toBe(two.digest);
  });
});

function digestIn(members: JsonObject): unknown {
  const { policy } = members;
  return isJsonObject(policy) ? policy["digest"] : undefined;
}
