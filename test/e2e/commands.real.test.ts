import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { textAt } from "./audit-records.ts";
import { Authenticator } from "./authenticator.ts";
import { type Ran, runStile, startCommand } from "./run-stile.ts";
import { type StileServer, startStile } from "./stile-server.ts";
import { TABLES_NOW_MS } from "./table-rows.ts";

const opa = await requireReal("opa");

const READ = [
  "--subject",
  "user:ada",
  "--action",
  "dashboard.read",
  "--resource",
  "service:payments",
];
const DEPLOY = [
  "--subject",
  "user:ada",
  "--action",
  "deploy.production",
  "--resource",
  "service:payments",
];
const NOBODY = [
  "--subject",
  "user:nobody",
  "--action",
  "deploy.production",
  "--resource",
  "service:payments",
];

describe("the commands of stile against the running server", () => {
  let server: StileServer;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-commands-"));
    server = await startStile({ clockMs: TABLES_NOW_MS });
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (...words: readonly string[]): Promise<Ran> =>
    runStile(["--server", server.grpcAddress, ...words]);
  const runJson = async (...words: readonly string[]): Promise<JsonObject> =>
    jsonFrom((await run("--json", ...words)).stdout);

  describe("decide", () => {
    it.each([
      ["allow", 0, READ],
      ["deny", 10, NOBODY],
      ["step_up", 11, DEPLOY],
    ])("tells a person and a program of %s, and exits %i", async (outcome, code, words) => {
      const person = await run("decide", ...words);
      expect(person).toMatchObject({ code, stderr: "" });
      expect(person.stdout).toMatch(
        outcome === "step_up" ? /^step-up {2}/ : RegExp(`^${outcome} `),
      );
      const program = await run("--json", "decide", ...words);
      expect(program).toMatchObject({ code, stderr: "" });
      expect(jsonFrom(program.stdout)).toMatchObject({ outcome });
    });

    it("names the server by STILE_GRPC_ADDR too", async () => {
      const env = { STILE_GRPC_ADDR: server.grpcAddress };
      expect((await runStile(["decide", ...READ], env)).code).toBe(0);
    });

    it("draws nothing on the terminal that a caller sent", async () => {
      const done = await run("decide", ...READ, "--policy", "\u001b[31mred\u0007");
      expect(done.code).toBe(1);
      expect(done.stderr).toMatch(/^stile: no policy is named /);
      expect(done.stderr.trimEnd()).not.toMatch(/\p{Cc}/u);
    });
  });

  it("enrols a person, proves a challenge, and prints the grant alone", async () => {
    const subject = "user:grace";
    const begun = await runJson("enroll", subject);
    const authenticator = new Authenticator(textAt(begun, "secret"));
    expect(textAt(begun, "otpauth_uri")).toContain(textAt(begun, "secret"));
    const code = (steps: number): string => authenticator.code(server.nowMs + steps * 30_000);
    const words = ["--enrolment", textAt(begun, "enrolment_id"), "--code", code(0)];
    expect((await runJson("enroll", subject, ...words))["factor_id"]).toBeTypeOf("string");

    const roles = ["--subject-properties", '{"roles":["senior_engineer"]}'];
    const question = ["--subject", subject, ...roles, ...DEPLOY.slice(2)];
    const asked = await run("decide", ...question);
    const challenge = /stile verify (\S+)/.exec(asked.stdout)?.[1] ?? "";
    const proven = await run("verify", challenge, "--code", code(1));
    expect(proven.code).toBe(0);
    expect(proven.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const done = await run("decide", ...question, "--grant", proven.stdout.trim());
    expect(done.code).toBe(0);
  });

  it("shows a person who enrols a code to scan and a secret to type", async () => {
    const done = await run("enroll", "user:heidi");
    expect(done.code).toBe(0);
    expect(done.stdout).toMatch(/[█▀▄]{10}/);
    expect(done.stdout).toMatch(/type the secret in: [A-Z2-7]{32}\n/);
    expect(done.stdout).toMatch(/then: stile enroll user:heidi --enrolment \S+ --code/);
  });

  describe("audit tail", () => {
    it("prints a line a record for a person, and JSON for a program", async () => {
      await run("decide", ...NOBODY);
      const person = await run("audit", "tail", "--last", "1");
      expect(person.stdout).toMatch(
        /^\S+Z {2}deny +user:nobody {2}deploy\.production on [^\n]*\n$/,
      );
      const program = await run("--json", "audit", "tail", "--last", "1");
      expect(jsonFrom(program.stdout)).toMatchObject({ outcome: "deny", subject: "user:nobody" });
    });

    it("shows one subject alone", async () => {
      await run("decide", ...READ);
      await run("decide", ...NOBODY);
      const words = ["--json", "audit", "tail", "--last", "1000", "--subject", "user:nobody"];
      const lines = (await run(...words)).stdout.trim().split("\n").map(jsonFrom);
      expect(new Set(lines.map(({ subject }) => subject))).toEqual(new Set(["user:nobody"]));
    });

    it("follows what is written until it is stopped", async () => {
      const words = [
        "--server",
        server.grpcAddress,
        "--json",
        "audit",
        "tail",
        "--last",
        "0",
        "-f",
      ];
      const following = await startCommand(words);
      await waitFor("a record to be shown", async () => {
        await run("decide", ...READ);
        return following.stdout().includes('"outcome":"allow"');
      });
      following.signal("SIGINT");
      expect(await following.ended).toMatchObject({ code: 0, stderr: "" });
    });
  });

  describe("eval --lines", () => {
    it("answers a line that is no question by an error, and goes on", async () => {
      const input = path.join(folder, "lines");
      await writeFile(
        input,
        'nonsense\n{"id":"1"}\n\n{"id":"2","wasm":"/no/such/file","entrypoint":"a"}\n',
      );
      const done = await runStile(["eval", "--lines"], {}, input);
      expect(done.code).toBe(0);
      const lines = done.stdout.trim().split("\n").map(jsonFrom);
      expect(lines.length).toBe(3);
      for (const line of lines) expect(line["error"]).toBeTypeOf("string");
    });
  });

  describe.skipIf(!opa.present)("build", () => {
    const env = { PATH: `${path.dirname(opa.path)}:${process.env["PATH"] ?? ""}` };

    it("says what it built", async () => {
      const output = path.join(folder, "built.tar.gz");
      const pack = path.resolve(import.meta.dirname, "../../policies/sre");
      const done = await runStile(["--json", "build", pack, "-o", output], env);
      expect(jsonFrom(done.stdout)).toMatchObject({ output, revision: "sre-1" });
    });

    it("says what is wrong with a policy, without a stack", async () => {
      const broken = await mkdtemp(path.join(folder, "broken-"));
      await writeFile(path.join(broken, "a.rego"), "package stile\n\ndecision := {");
      const done = await runStile(["build", broken, "-o", path.join(folder, "none.tar.gz")], env);
      expect(done.code).toBe(1);
      expect(done.stderr).toMatch(/^stile: [^]*rego_parse_error/);
      expect(done.stderr).not.toMatch(/\n\s+at \S+ \(/);
    });
  });

  it("examines the installation, a line a finding", async () => {
    const env = {
      STILE_DATA_DIR: path.join(folder, "doctor"),
      STILE_GRPC_ADDR: server.grpcAddress,
    };
    const program = await runStile(["--json", "doctor"], env);
    const { findings } = jsonFrom(program.stdout);
    expect(JSON.stringify(findings)).toContain('"name":"configuration","level":"ok"');
    const wrong = await runStile(["doctor"], { STILE_COLOUR: "red" });
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).toMatch(/^fail +configuration +STILE_COLOUR/);
  });

  const USAGE: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["an unknown command", ["fly"], /unknown command 'fly'/],
    ["an unknown option", ["decide", ...READ, "--fly"], /unknown option '--fly'/],
    ["a missing option", ["decide", "--action", "a"], /--resource/],
    [
      "a subject of no type",
      ["decide", ...READ, "--subject", "ada"],
      /--subject is "ada", expected type:id/,
    ],
    [
      "a resource of no id",
      ["decide", ...READ, "--resource", "service:"],
      /--resource is "service:"/,
    ],
    [
      "a context of no value",
      ["decide", ...READ, "--context", "country"],
      /--context is "country", expected key=value/,
    ],
    [
      "properties that are no JSON",
      ["decide", ...READ, "--action-properties", "{"],
      /--action-properties is \{, expected a JSON object/,
    ],
    [
      "a context that is a list",
      ["decide", ...READ, "--context-json", "[]"],
      /--context-json is \[\]/,
    ],
    ["exec of nothing", ["exec", ...READ], /missing required argument 'command'/],
    ["an enrolment of nobody", ["enroll", "ada"], /the subject is "ada", expected type:id/],
    ["no challenge", ["verify"], /missing required argument 'challenge'/],
    [
      "a count that is none",
      ["audit", "tail", "--last", "many"],
      /--last is "many", expected a whole number/,
    ],
    ["eval of no lines", ["eval"], /--lines/],
  ];

  it.each(USAGE)("exits 2 for %s, saying so", async (_, words, what) => {
    const person = await run(...words);
    expect(person).toMatchObject({ code: 2, stdout: "" });
    expect(person.stderr).toMatch(/^stile: /);
    expect(person.stderr).toMatch(what);
    expect(person.stderr).not.toMatch(/\n\s+at /);
    const program = await run("--json", ...words);
    expect(program).toMatchObject({ code: 2, stdout: "" });
    const { error } = jsonFrom(program.stderr);
    expect(isJsonObject(error) ? error : {}).toMatchObject({ code: "usage" });
  });

  it("exits 2 where no command is given", async () => {
    const done = await runStile([]);
    expect(done).toMatchObject({ code: 2, stdout: "" });
    expect(done.stderr).toMatch(/^stile: give a command/);
  });

  const AWAY: readonly (readonly [string, readonly string[]])[] = [
    ["decide", ["decide", ...READ]],
    ["exec", ["exec", ...READ, "--", "true"]],
    ["enroll", ["enroll", "user:ada"]],
    ["verify", ["verify", "c", "--code", "123456"]],
    ["audit tail", ["audit", "tail"]],
  ];

  it.each(AWAY)("%s exits 1 with one line when the server is away", async (_, words) => {
    const person = await runStile(["--server", "127.0.0.1:1", ...words]);
    expect(person).toMatchObject({ code: 1, stdout: "" });
    expect(person.stderr).toMatch(/^stile: no Stile server answers[^\n]*127\.0\.0\.1:1[^\n]*\n$/);
    const program = await runStile(["--server", "127.0.0.1:1", "--json", ...words]);
    expect(program).toMatchObject({ code: 1, stdout: "" });
    expect(jsonFrom(program.stderr)).toMatchObject({ error: { code: "UNAVAILABLE" } });
  });

  const REFUSED: readonly (readonly [string, readonly string[], string])[] = [
    ["decide", ["decide", ...READ, "--policy", "nothing"], "unknown_policy"],
    ["enroll", ["enroll", "user:ada", "--enrolment", "e", "--code", "123456"], "unknown_enrolment"],
    ["verify", ["verify", "c", "--code", "123456"], "unknown_challenge"],
    ["audit tail", ["audit", "tail", "--last", "10001"], "invalid_request"],
  ];

  it.each(REFUSED)("%s exits 1 with one line when the server refuses", async (_, words, reason) => {
    const person = await run(...words);
    expect(person).toMatchObject({ code: 1, stdout: "" });
    expect(person.stderr).toMatch(/^stile: [^\n]+\n$/);
    const program = await run("--json", ...words);
    expect(jsonFrom(program.stderr)).toMatchObject({ error: { code: reason } });
  });
});

function jsonFrom(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error(`no JSON object: ${text}`);
  return value;
}
