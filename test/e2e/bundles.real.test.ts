import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { waitFor } from "../real/wait-for.ts";
import { recordOf } from "./audit-records.ts";
import { ALLOWED, ASKED } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";
import { unpackBundle } from "./unpacked-bundle.ts";

const PACK = path.resolve(import.meta.dirname, "../../policies/sre.tar.gz");

describe("two policies side by side", () => {
  let folder: string;
  let other: string;
  let server: StileServer;
  let client: StileClient;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-bundles-"));
    other = path.join(folder, "other");
    await unpackBundle(PACK, other);
    const config = path.join(folder, "stile.yaml");
    await writeFile(config, `bundles: { other: { source: ${JSON.stringify(other)} } }\n`);
    server = await startStile({ env: { STILE_CONFIG: config } });
    client = server.client();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("answer by the one that a request names", async () => {
    const { policy } = await client.decide({ ...ALLOWED, policy: "other" });
    expect(policy.name).toBe("other");
    expect((await client.decide(ALLOWED)).policy.name).toBe("default");
  });

  it("keep the features of one when the other changes to declare none", async () => {
    const before = await client.decide(ASKED);
    expect((await recordOf(client, before.decisionId)).text).toContain("known_devices");
    const digest = (await client.decide({ ...ALLOWED, policy: "other" })).policy.digest;
    await writeFile(path.join(other, "features.yaml"), "features: []\n");
    await waitFor("the other policy", async () => {
      const answer = await client.decide({ ...ALLOWED, policy: "other" });
      return answer.policy.digest !== digest;
    });
    const after = await client.decide(ASKED);
    const { text } = await recordOf(client, after.decisionId);
    expect(text).toContain("known_devices");
    expect(after.reasons).toEqual(before.reasons);
  });
});
