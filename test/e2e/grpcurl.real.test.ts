import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { runGrpcurl } from "../real/grpcurl.ts";
import { requireReal } from "../real/require-real.ts";
import type { ProgramResult } from "../real/run-program.ts";
import { waitFor } from "../real/wait-for.ts";
import { objectAt } from "./audit-records.ts";
import { startGuarded } from "./guarded-process.ts";
import { textLike } from "./like.ts";
import { ALLOWED, ASKED, DENIED } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";

const grpcurl = await requireReal("grpcurl");

const SERVICES = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "stile.v1.AuditService",
  "stile.v1.DecisionService",
  "stile.v1.FactorService",
  "stile.v1.FeatureService",
  "stile.v1.PolicyService",
  "stile.v1.StepUpService",
];

describe.skipIf(!grpcurl.present)("grpcurl against the running server", () => {
  let server: StileServer;
  beforeAll(async () => {
    server = await startStile();
  });
  afterAll(() => server.stop());

  const call = (method: string, message: object): Promise<ProgramResult> =>
    runGrpcurl(["-plaintext", "-d", JSON.stringify(message), server.grpcAddress, method]);
  const decide = (message: object): Promise<ProgramResult> =>
    call("stile.v1.DecisionService/Decide", message);

  it("lists the services by reflection", async () => {
    const listed = await runGrpcurl(["-plaintext", server.grpcAddress, "list"]);
    expect(listed.stderr).toBe("");
    expect(listed.stdout.trim().split("\n").sort()).toEqual(SERVICES);
  });

  it.each(SERVICES)("describes %s and each of its messages by reflection", async (service) => {
    const described = await runGrpcurl(["-plaintext", server.grpcAddress, "describe", service]);
    expect(described.stderr).toBe("");
    const messages = [...described.stdout.matchAll(/[(]\s*(?:stream\s+)?\.([\w.]+)\s*[)]/g)];
    expect(messages.length).toBeGreaterThan(0);
    for (const [, message = ""] of messages) {
      const answer = await runGrpcurl(["-plaintext", server.grpcAddress, "describe", message]);
      expect(answer.stdout).toContain(`${message} is a message`);
    }
  });

  it("answers an allow with its grounds, its policy and its receipt", async () => {
    const answer = jsonOf(await decide({ ...ALLOWED, requestId: "r-1" }));
    expect(answer).toMatchObject({
      outcome: "OUTCOME_ALLOW",
      reasons: [{ code: "harmless" }],
      decisionId: textLike(/^[0-9a-f-]{36}$/),
      policy: { name: "default", digest: textLike(/^sha256:[0-9a-f]{64}$/) },
      receipt: { sequence: textLike(/^\d+$/) },
      requestId: "r-1",
    });
    expect(answer).not.toHaveProperty("challenge");
  });

  it("answers a step-up with a challenge that says what to prove", async () => {
    const answer = jsonOf(await decide(ASKED));
    expect(answer).toMatchObject({
      outcome: "OUTCOME_STEP_UP",
      challenge: {
        demand: { acr: "aal2", maxAge: "3600s", bind: "action", methods: ["totp"] },
      },
    });
    const challengeId = objectAt(answer, "challenge")["id"];
    const view = jsonOf(await call("stile.v1.StepUpService/GetChallenge", { challengeId }));
    expect(view).toMatchObject({
      state: "CHALLENGE_STATE_OPEN",
      subject: ASKED.subject,
      action: ASKED.action,
      resource: ASKED.resource,
    });
  });

  it("answers a deny with its grounds", async () => {
    expect(jsonOf(await decide(DENIED))).toMatchObject({
      outcome: "OUTCOME_DENY",
      reasons: [{ code: "no_role" }],
    });
  });

  it("shows ErrorInfo and the fields of a refused request", async () => {
    const refused = await decide({ ...ALLOWED, subject: undefined });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("Code: InvalidArgument");
    expect(refused.stderr).toMatch(/google\.rpc\.ErrorInfo[^]*"reason": "invalid_request"/);
    expect(refused.stderr).toContain('"domain": "stile"');
    expect(refused.stderr).toMatch(/google\.rpc\.BadRequest[^]*"field": "subject"/);
  });

  it("says that it serves, as a whole and service by service", async () => {
    for (const service of ["", "stile.v1.DecisionService"]) {
      const answer = await call("grpc.health.v1.Health/Check", { service });
      expect(jsonOf(answer)).toEqual({ status: "SERVING" });
    }
    const unknown = await call("grpc.health.v1.Health/Check", { service: "stile.v1.Nothing" });
    expect(unknown.stderr).toContain("Code: NotFound");
  });

  it("tells those who watch its health that it ends, at SIGTERM", async () => {
    const watched = await startStile();
    try {
      const words = ["-plaintext", watched.grpcAddress, "grpc.health.v1.Health/Watch"];
      const watcher = await startGuarded(grpcurl.path, words, {});
      let shown = "";
      watcher.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += text;
      });
      watcher.stderr.resume();
      await waitFor("SERVING", () => shown.includes('"SERVING"'));
      const ended = await watched.kill("SIGTERM");
      await watcher.ended;
      expect(ended).toEqual({ code: 0, signal: null });
      expect(shown).toMatch(/"SERVING"[^]*"NOT_SERVING"/);
    } finally {
      await watched.stop();
    }
  });
});

function jsonOf({ code, stdout, stderr }: ProgramResult): JsonObject {
  if (code !== 0) throw new Error(stderr);
  const value: unknown = JSON.parse(stdout);
  if (!isJsonObject(value)) throw new Error(`no JSON object: ${stdout}`);
  return value;
}
