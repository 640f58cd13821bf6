import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { requestFromQuestion } from "../../src/wire/decision-answer.ts";
import { DecisionService, FeatureService } from "../../src/wire/messages.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { recordOf } from "./audit-records.ts";
import { ALLOWED } from "./questions.ts";
import { runStile } from "./run-stile.ts";
import { type StileServer, startStile } from "./stile-server.ts";

const opa = await requireReal("opa");
const because = '"reasons": [{"code": "because", "message": "Because."}]';
const demand = '"amr": ["otp"], "acr": "aal2", "max_age": 300, "bind": "action", "once": false';

const FEATURES = `features:
  - { entity: device, name: known, type: boolean, max_age_s: 86400, made: given }
`;

/** What the policy says, and the outcome and the code of the first ground that callers see. */
const ROWS: readonly (readonly [string, string, string])[] = [
  ["an allow", `decision := {"decision": "allow", ${because}}`, "allow because"],
  ["a number", "decision := 1", "deny policy_malformed"],
  ["a bare true", "decision := true", "deny policy_malformed"],
  ["a word of its own", `decision := {"decision": "maybe", ${because}}`, "deny policy_malformed"],
  [
    "an allow without grounds",
    'decision := {"decision": "allow", "reasons": []}',
    "deny policy_malformed",
  ],
  [
    "an allow with a wrong audit level",
    `decision := {"decision": "allow", ${because}, "audit": "none"}`,
    "deny policy_malformed",
  ],
  [
    "a step-up without a demand",
    `decision := {"decision": "step_up", ${because}}`,
    "deny policy_malformed",
  ],
  [
    "a step-up by what cannot be taken",
    `decision := {"decision": "step_up", ${because}, "step_up": {${demand}, "methods": ["passkey"]}}`,
    "deny step_up_unavailable",
  ],
  [
    "nothing",
    `decision := {"decision": "allow", ${because}} if input.context.never`,
    "deny policy_undefined",
  ],
  [
    "two things at once",
    `decision := {"decision": word, ${because}} if some word in ["allow", "deny"]`,
    "deny policy_trapped",
  ],
  [
    "nothing for hours",
    `decision := {"decision": "allow", ${because}} if count([1 | some a in numbers.range(1, 4000); some b in numbers.range(1, 4000); a * b > 0]) > 0`,
    "deny policy_budget_exceeded",
  ],
  [
    "an allow that the brokers must have, without brokers",
    `decision := {"decision": "allow", ${because}, "audit": "kafka"}`,
    "deny audit_unavailable",
  ],
  ["an allow again", `decision := {"decision": "allow", ${because}} if true`, "allow because"],
];

describe.skipIf(!opa.present)("policies that answer oddly, in the running server", () => {
  let folder: string;
  let bundle: string;
  let server: StileServer;
  let client: StileClient;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-odd-"));
    bundle = path.join(folder, "served.tar.gz");
    const first = await build(`decision := {"decision": "deny", ${because}}`);
    await rename(first.file, bundle);
    server = await startStile({ env: { STILE_BUNDLE: bundle } });
    client = server.client();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function build(rego: string): Promise<{ file: string; digest: string }> {
    const source = await mkdtemp(path.join(folder, "source-"));
    await writeFile(path.join(source, "policy.rego"), `package stile\n\n${rego}\n`);
    await writeFile(path.join(source, "features.yaml"), FEATURES);
    const file = `${source}.tar.gz`;
    const env = { PATH: `${path.dirname(opa.path)}:${process.env["PATH"] ?? ""}` };
    const built = await runStile(["--json", "build", source, "-o", file], env);
    const digest = /"digest":"([^"]+)"/.exec(built.stdout)?.[1];
    if (digest === undefined) throw new Error(`stile build: ${built.stderr}`);
    return { file, digest };
  }
  /** Puts a policy in force. */
  async function serve(rego: string): Promise<void> {
    const { file, digest } = await build(rego);
    await rename(file, bundle);
    await waitFor("the policy", async () => {
      return (await client.decide(ALLOWED)).policy.digest === digest;
    });
  }
  const ask = (contextJson: string) =>
    client.connection.unary(DecisionService, "decide", {
      ...requestFromQuestion(ALLOWED),
      contextJson: Buffer.from(contextJson),
    });

  it.each(ROWS)("answers %s as it must", async (_, rego, wanted) => {
    await serve(rego);
    const answer = await client.decide(ALLOWED);
    expect(`${answer.kind} ${answer.reasons[0]?.code ?? ""}`).toBe(wanted);
    if (wanted.endsWith("audit_unavailable")) return;
    const { members } = await recordOf(client, answer.decisionId);
    expect(members["outcome"]).toBe(answer.kind);
  });

  it("compares numbers above 2^53 exactly", async () => {
    await serve(
      `decision := {"decision": "allow", ${because}} if input.context.n == 9007199254740993\ndefault decision := {"decision": "deny", ${because}}`,
    );
    expect((await ask('{"n": 9007199254740993}')).outcome).toBe(1);
    expect((await ask('{"n": 9007199254740992}')).outcome).toBe(2);
    expect((await ask('{"n": 9007199254740994}')).outcome).toBe(2);
  });

  it("joins features by the same value that the policy reads, where a key comes twice", async () => {
    await serve(
      'decision := {"decision": "deny", "reasons": [{"code": "seen", "message": sprintf("%v %v", [input.context.device_id, object.get(input.features.device, "known", "unknown")])}]}',
    );
    const value = { kind: { case: "boolValue" as const, value: true } };
    const update = { entity: "device", id: "b", name: "known", value };
    await client.connection.clientStream(FeatureService, "putFeatures", [{ updates: [update] }]);
    const seen = async (context: string): Promise<unknown> =>
      (await ask(context)).reasons[0]?.message;
    expect(await seen('{"device_id":"b"}')).toBe("b true");
    expect(await seen('{"device_id":"a"}')).toBe("a unknown");
    expect(["a unknown", "b true"]).toContain(await seen('{"device_id":"a","device_id":"b"}'));
    expect(["a unknown", "b true"]).toContain(await seen('{"device_id":"b","device_id":"a"}'));
  });
});
