import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, Question, StileClient } from "../../src/client/stile-client.ts";
import { ChallengeState } from "../../src/wire/gen/stile/v1/step_up_pb.ts";
import { FactorService, FeatureService, StepUpService } from "../../src/wire/messages.ts";
import { recordOf, tail } from "./audit-records.ts";
import { type Authenticator, enrol } from "./authenticator.ts";
import { failureFrom, failureOf } from "./questions.ts";
import { type StileServer, startStile } from "./stile-server.ts";
import { TABLES_NOW_MS } from "./table-rows.ts";

const STEP_MS = 30_000;

describe("step-up by TOTP against the running server", () => {
  let server: StileServer;
  let client: StileClient;
  beforeAll(async () => {
    server = await startStile({ clockMs: TABLES_NOW_MS });
    client = server.client();
  });
  afterAll(() => server.stop());

  /** A senior engineer of their own name, enrolled by the code of now. */
  async function person() {
    const id = `ada-${randomUUID()}`;
    const subject = { type: "user", id, properties: { roles: ["senior_engineer"] } };
    const authenticator = await enrol(client, subject, server.nowMs);
    const ask = (action = "deploy.production", changes: Partial<Question> = {}): Question => ({
      subject,
      action: { name: action },
      resource: { type: "service", id: "payments" },
      context: { device_id: "laptop-1", country: "NL" },
      ...changes,
    });
    return { subject, authenticator, ask };
  }

  const codeIn = (authenticator: Authenticator, steps: number): string =>
    authenticator.code(server.nowMs + steps * STEP_MS);
  const prove = async (question: Question, code: string): Promise<string> =>
    (await client.verify(challengeOf(await client.decide(question)), code)).grant;

  it("goes the whole circle: enrol, ask, be challenged, prove, be allowed", async () => {
    const { authenticator, ask, subject } = await person();
    const asked = await client.decide(ask());
    const challengeId = challengeOf(asked);
    const watch = client.connection.serverStream(StepUpService, "watch", { challengeId });
    expect((await watch.next()).value).toMatchObject({ state: ChallengeState.OPEN, last: false });

    const proof = await client.verify(challengeId, codeIn(authenticator, 1));
    expect(proof).toMatchObject({ acr: "aal2", amr: ["otp"] });
    expect((await watch.next()).value).toMatchObject({
      state: ChallengeState.PROVEN,
      grant: proof.grant,
      last: true,
    });
    expect((await watch.next()).done).toBe(true);

    const allowed = await client.decide({ ...ask(), grants: [proof.grant] });
    expect(allowed).toMatchObject({ kind: "allow", reasons: [{ code: "step_up_satisfied" }] });
    const again = await client.decide({ ...ask(), grants: [proof.grant] });
    expect(again.kind).toBe("allow");
    const record = await recordOf(client, allowed.decisionId);
    expect(record.members).toMatchObject({ outcome: "allow", input: { authn: { acr: "aal2" } } });

    const { features } = await client.connection.unary(FeatureService, "getFeatures", {
      entity: "subject",
      id: `user:${subject.id}`,
    });
    const devices = features.find(({ name }) => name === "known_devices");
    expect(JSON.stringify(devices?.value)).toContain("laptop-1");
  });

  it("keeps secrets, codes and grants out of the trail and the log", async () => {
    const begun = await client.beginTotp({ type: "user", id: "secretive" });
    const { authenticator, ask } = await person();
    const code = codeIn(authenticator, 1);
    const grant = await prove(ask(), code);
    await client.decide({ ...ask(), grants: [grant] });
    const kept = server.log() + (await tail(client, 10_000)).map(({ text }) => text).join("\n");
    expect(kept).toContain("secretive");
    for (const secret of [begun.secret, code, grant, grant.split(".")[2] ?? grant]) {
      expect(kept).not.toContain(secret);
    }
  });

  describe("a grant", () => {
    let grant: string;
    let question: Question;
    let other: Question;
    beforeAll(async () => {
      const { authenticator, ask } = await person();
      question = ask("deploy.production", {
        action: { name: "deploy.production", properties: { version: "1.2.3" } },
      });
      other = (await person()).ask();
      grant = await prove(question, codeIn(authenticator, 1));
    });

    it("opens what it was earned for", async () => {
      expect((await client.decide({ ...question, grants: [grant] })).kind).toBe("allow");
    });

    const changes: readonly (readonly [string, (question: Question) => Partial<Question>])[] = [
      [
        "another action",
        () => ({ action: { name: "firewall.change", properties: { version: "1.2.3" } } }),
      ],
      [
        "changed parameters",
        () => ({ action: { name: "deploy.production", properties: { version: "1.2.4" } } }),
      ],
      [
        "one more parameter",
        () => ({
          action: { name: "deploy.production", properties: { version: "1.2.3", force: true } },
        }),
      ],
      ["no parameters", () => ({ action: { name: "deploy.production" } })],
      ["another resource", () => ({ resource: { type: "service", id: "billing" } })],
      ["a resource of another type", () => ({ resource: { type: "database", id: "payments" } })],
      [
        "another environment of the resource",
        () => ({
          resource: { type: "service", id: "payments", properties: { environment: "production" } },
        }),
      ],
      ["another subject", () => ({ subject: other.subject })],
      [
        "the subject under another type",
        ({ subject }) => ({ subject: { ...subject, type: "admin" } }),
      ],
      ["another policy name", () => ({ policy: "default" })],
    ];
    it.each(changes)("does not open %s", async (_, change) => {
      const answer = await client.decide({ ...question, ...change(question), grants: [grant] });
      expect(answer.kind).not.toBe("allow");
    });

    it("opens nothing once a letter of it has changed, wherever", async () => {
      const places = Array.from({ length: 30 }, (_, index) =>
        Math.floor((index * grant.length) / 30),
      );
      for (const place of places) {
        const letter = grant[place] === "A" ? "B" : "A";
        const changed = grant.slice(0, place) + letter + grant.slice(place + 1);
        expect((await client.decide({ ...question, grants: [changed] })).kind).toBe("step_up");
      }
    });

    it("is not made by anyone without the key", async () => {
      const [, payload = ""] = grant.split(".");
      const part = (value: object): string =>
        Buffer.from(JSON.stringify(value)).toString("base64url");
      for (const alg of ["none", "HS256", "EdDSA"]) {
        const forged = `${part({ alg, typ: "JWT" })}.${payload}.${alg === "none" ? "" : part({})}`;
        expect((await client.decide({ ...question, grants: [forged] })).kind).toBe("step_up");
      }
    });

    it("counts beside seven that are none", async () => {
      const grants = [...Array.from({ length: 7 }, (_, index) => `none-${index}`), grant];
      expect((await client.decide({ ...question, grants })).kind).toBe("allow");
    });
  });

  it("takes a code once, the code of the enrolment included", async () => {
    const { authenticator, ask } = await person();
    const enrolled = codeIn(authenticator, 0);
    const spent = { status: "FAILED_PRECONDITION", reason: "code_spent" };
    expect(await failureOf(prove(ask(), enrolled))).toMatchObject(spent);
    const next = codeIn(authenticator, 1);
    await prove(ask(), next);
    expect(await failureOf(prove(ask("firewall.change"), next))).toMatchObject(spent);
  });

  it("takes the codes of one step early and late, and no others", async () => {
    const { authenticator, ask } = await person();
    await server.moveClock(4);
    const wrong = { status: "INVALID_ARGUMENT", reason: "wrong_code" };
    expect(await failureOf(prove(ask("secret.read"), codeIn(authenticator, -2)))).toMatchObject(
      wrong,
    );
    expect(await failureOf(prove(ask("secret.read"), codeIn(authenticator, 2)))).toMatchObject(
      wrong,
    );
    for (const [action, steps] of [
      ["deploy.production", -1],
      ["firewall.change", 0],
      ["config.change", 1],
    ] as const) {
      await prove(ask(action), codeIn(authenticator, steps));
    }
  });

  it("ends a challenge after five wrong codes, and slows the next one down", async () => {
    const { authenticator, ask } = await person();
    const challengeId = challengeOf(await client.decide(ask()));
    const wrong = authenticator.wrongCode(server.nowMs);
    const failures = [];
    for (let tries = 0; tries < 5; tries += 1) {
      failures.push((await failureOf(client.verify(challengeId, wrong))).reason);
    }
    expect(failures).toEqual([
      "wrong_code",
      "wrong_code",
      "wrong_code",
      "wrong_code",
      "too_many_tries",
    ]);
    const right = codeIn(authenticator, 1);
    expect((await failureOf(client.verify(challengeId, right))).reason).toBe("challenge_closed");

    const next = challengeOf(await client.decide(ask()));
    expect(next).not.toBe(challengeId);
    expect(await failureOf(client.verify(next, right))).toMatchObject({
      status: "RESOURCE_EXHAUSTED",
      reason: "too_many_tries",
    });
    await server.moveClock();
    expect((await client.verify(next, right)).grant).not.toBe("");
  });

  it("gives one grant for a code that many send at once", async () => {
    const { authenticator, ask } = await person();
    const challengeId = challengeOf(await client.decide(ask()));
    const code = codeIn(authenticator, 1);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        client.verify(challengeId, code).then(
          () => "grant",
          (thrown: unknown) => failureFrom(thrown).reason,
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "grant")).toEqual(["grant"]);
    const others = new Set(outcomes.filter((outcome) => outcome !== "grant"));
    expect([...others].filter((reason) => !CLOSED.has(reason))).toEqual([]);
  });

  it("lets a grant for a critical action open it once, whoever comes at the same time", async () => {
    const { authenticator, ask } = await person();
    const question = ask("database.drop");
    const grant = await prove(question, codeIn(authenticator, 1));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => client.decide({ ...question, grants: [grant] })),
    );
    expect(answers.filter(({ kind }) => kind === "allow").length).toBe(1);
    expect(answers.filter(({ kind }) => kind === "step_up").length).toBe(19);
  });

  it("proves nothing that was rejected", async () => {
    const { authenticator, ask } = await person();
    const challengeId = challengeOf(await client.decide(ask()));
    await client.connection.unary(StepUpService, "reject", { challengeId });
    const late = await failureOf(client.verify(challengeId, codeIn(authenticator, 1)));
    expect(late).toMatchObject({ status: "FAILED_PRECONDITION", reason: "challenge_closed" });
  });

  it("lets challenges and grants run out", async () => {
    const { authenticator, ask } = await person();
    const question = ask("database.drop");
    const grant = await prove(question, codeIn(authenticator, 1));
    const challengeId = challengeOf(await client.decide(ask()));
    await server.moveClock(11);
    expect((await client.decide({ ...question, grants: [grant] })).kind).toBe("step_up");
    const late = await failureOf(client.verify(challengeId, codeIn(authenticator, 0)));
    expect(late.reason).toBe("challenge_closed");
  });

  it("wants a code of the first factor for a second one, and to remove one", async () => {
    const { authenticator, subject } = await person();
    const subjectName = { subjectType: subject.type, subjectId: subject.id };
    expect(await failureOf(client.beginTotp(subject))).toMatchObject({
      status: "ALREADY_EXISTS",
      reason: "factor_exists",
    });
    const wrong = authenticator.wrongCode(server.nowMs);
    expect((await failureOf(client.beginTotp(subject, wrong))).reason).toBe("wrong_code");
    const begun = await client.beginTotp(subject, codeIn(authenticator, 1));
    expect(begun.otpauthUri).toMatch(/^otpauth:\/\/totp\//);

    const { factors } = await client.connection.unary(FactorService, "list", subjectName);
    expect(factors.map(({ method }) => method)).toEqual(["totp"]);
    const remove = (code: string) =>
      client.connection.unary(FactorService, "remove", {
        ...subjectName,
        factorId: factors[0]?.id ?? "",
        code,
      });
    expect((await failureOf(remove(wrong))).reason).toBe("wrong_code");
    await server.moveClock();
    await remove(codeIn(authenticator, 1));
    const left = await client.connection.unary(FactorService, "list", subjectName);
    expect(left.factors).toEqual([]);
  });

  it("remembers factors, spent codes and spent grants after kill -9", async () => {
    const { authenticator, ask } = await person();
    const critical = ask("database.drop");
    const code = codeIn(authenticator, 1);
    const once = await prove(critical, code);
    expect((await client.decide({ ...critical, grants: [once] })).kind).toBe("allow");
    await server.moveClock(2);
    const lasting = await prove(ask(), codeIn(authenticator, 0));
    const openChallenge = challengeOf(await client.decide(ask("firewall.change")));

    await server.kill("SIGKILL");
    await server.restart();
    client = server.client();

    expect((await client.decide({ ...critical, grants: [once] })).kind).toBe("step_up");
    expect((await client.decide({ ...ask(), grants: [lasting] })).kind).toBe("allow");
    const replay = await failureOf(client.verify(openChallenge, codeIn(authenticator, 0)));
    expect(replay.reason).toBe("code_spent");
    expect((await client.verify(openChallenge, codeIn(authenticator, 1))).acr).toBe("aal2");
  });
});

/** What those are told whose code came second. */
const CLOSED = new Set(["code_spent", "challenge_closed", "too_many_tries"]);

function challengeOf(answer: Answer): string {
  if (answer.kind !== "step_up")
    throw new Error(`the answer is ${answer.kind}, expected a step-up`);
  return answer.challenge.id;
}
