import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StileClient } from "../../src/client/stile-client.ts";
import { runProgram } from "../real/run-program.ts";
import { waitFor } from "../real/wait-for.ts";
import { type Authenticator, enrol } from "./authenticator.ts";
import { STILE } from "./built-stile.ts";
import { type Ran, runStile, startCommand } from "./run-stile.ts";
import { type StileServer, startStile } from "./stile-server.ts";
import { TABLES_NOW_MS } from "./table-rows.ts";

/** `script` gives a command a terminal of its own. */
const hasScript = (await runProgram("sh", ["-c", "command -v script"])).code === 0;
if (!hasScript) console.warn("SKIPPED, no `script` to give a command a terminal (util-linux)");

describe("stile exec against the running server", () => {
  let server: StileServer;
  let client: StileClient;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-exec-"));
    server = await startStile({ clockMs: TABLES_NOW_MS });
    client = server.client();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const wordsFor = (id: string, action: string, ...options: readonly string[]): string[] => [
    "--server",
    server.grpcAddress,
    "exec",
    "--subject",
    `user:${id}`,
    "--subject-properties",
    '{"roles":["senior_engineer"]}',
    "--action",
    action,
    "--resource",
    "service:payments",
    ...options,
    "--",
  ];
  /** Runs a shell script under `exec`, which leaves a mark when it runs. */
  async function exec(words: readonly string[], script = ""): Promise<Ran & { ran: boolean }> {
    const mark = path.join(folder, randomUUID());
    const done = await runStile([...words, "sh", "-c", `touch ${mark}; ${script}`]);
    return { ...done, ran: existsSync(mark) };
  }
  async function person(): Promise<{ id: string; authenticator: Authenticator }> {
    const id = `ada-${randomUUID()}`;
    return { id, authenticator: await enrol(client, { type: "user", id }, server.nowMs) };
  }
  const nextCode = (authenticator: Authenticator): string =>
    authenticator.code(server.nowMs + 30_000);

  it("runs what is allowed, passes its output on, and exits as it does", async () => {
    const done = await exec(wordsFor("ada", "dashboard.read"), 'echo "said  this"; exit 7');
    expect(done).toMatchObject({ code: 7, ran: true, stdout: "said  this\n" });
    expect(done.stderr).toContain("allow");
  });

  it("does not run what is denied, and exits 10", async () => {
    const words = wordsFor("dov", "deploy.production");
    expect(await exec(words)).toMatchObject({ code: 10, ran: false, stdout: "" });
  });

  it("does not run what needs a proof that nobody can be asked for, and exits 11", async () => {
    const done = await exec(wordsFor("ada", "deploy.production"));
    expect(done).toMatchObject({ code: 11, ran: false, stdout: "" });
    expect(done.stderr).toContain("--code");
  });

  it("runs what a code opens, and nothing by the same code again", async () => {
    const { id, authenticator } = await person();
    const code = nextCode(authenticator);
    const done = await exec(wordsFor(id, "deploy.production", "--code", code), "exit 3");
    expect(done).toMatchObject({ code: 3, ran: true });
    const again = await exec(wordsFor(id, "firewall.change", "--code", code));
    expect(again).toMatchObject({ code: 1, ran: false });
    expect(again.stderr).toMatch(/^stile: the code was used before[^\n]*\n$/);
  });

  it.each([
    [
      "a wrong code",
      1,
      (authenticator: Authenticator, nowMs: number) => authenticator.wrongCode(nowMs),
    ],
    ["a code that is none", 1, () => "abc"],
  ])("does not run anything by %s", async (_, code, codeOf) => {
    const { id, authenticator } = await person();
    const given = codeOf(authenticator, server.nowMs);
    const done = await exec(wordsFor(id, "deploy.production", "--code", given));
    expect(done).toMatchObject({ code, ran: false });
    expect(done.stderr).toMatch(/^stile: [^\n]*code[^\n]*\n$/);
  });

  it("runs by a grant earned before, and only what it was earned for", async () => {
    const { id, authenticator } = await person();
    const common = ["--server", server.grpcAddress, "--json"];
    const question = wordsFor(id, "deploy.production").slice(3, -1);
    const asked = await runStile([...common, "decide", ...question]);
    expect(asked.code).toBe(11);
    const challenge = /"challenge":\{"id":"([^"]+)"/.exec(asked.stdout)?.[1] ?? "";
    const code = nextCode(authenticator);
    const proven = await runStile([...common, "verify", challenge, "--code", code]);
    const grant = /"grant":"([^"]+)"/.exec(proven.stdout)?.[1] ?? "";
    expect(await exec(wordsFor(id, "deploy.production", "--grant", grant))).toMatchObject({
      code: 0,
      ran: true,
    });
    expect(await exec(wordsFor(id, "firewall.change", "--grant", grant))).toMatchObject({
      code: 11,
      ran: false,
    });
  });

  it("passes signals on to the command, and its end back", async () => {
    const loop = 'trap "echo caught; exit 42" TERM; echo ready; while :; do sleep 0.05; done';
    const words = [...wordsFor("ada", "dashboard.read"), "sh", "-c", loop];
    const running = await startCommand(words);
    await waitFor("the command to run", () => running.stdout().includes("ready"));
    running.signal("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 42, stdout: "ready\ncaught\n" });
  });

  it("exits 128 and the number of the signal that ended the command", async () => {
    expect((await exec(wordsFor("ada", "dashboard.read"), "kill -9 $$")).code).toBe(137);
  });

  it("says in one line that a command cannot be run", async () => {
    const done = await runStile([...wordsFor("ada", "dashboard.read"), "/no/such/command"]);
    expect(done.code).toBe(2);
    expect(done.stderr.trim().split("\n").at(-1)).toMatch(/^stile: cannot run \/no\/such\/command/);
    expect(done.stderr).not.toMatch(/\n\s+at /);
  });

  it("runs nothing when the server is away", async () => {
    const words = wordsFor("ada", "dashboard.read");
    words[1] = "127.0.0.1:1";
    const done = await exec(words);
    expect(done).toMatchObject({ code: 1, ran: false });
    expect(done.stderr).toMatch(/^stile: no Stile server answers[^\n]*\n$/);
  });

  it.skipIf(!hasScript)(
    "asks a person for the code, again after a wrong one, then runs",
    async () => {
      const { id, authenticator } = await person();
      const mark = path.join(folder, randomUUID());
      const words = [...wordsFor(id, "deploy.production"), "touch", mark];
      const command = [process.execPath, STILE, ...words].map((word) => `'${word}'`).join(" ");
      const terminal = spawn("script", ["-qec", command, "/dev/null"]);
      const ended = once(terminal, "close");
      let shown = "";
      terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += text;
      });
      const prompts = (): number => shown.split("Code from your authenticator").length - 1;
      await waitFor("the first question", () => prompts() === 1);
      terminal.stdin.write(`${authenticator.wrongCode(server.nowMs)}\n`);
      await waitFor("the second question", () => shown.includes("not the one") && prompts() > 1);
      terminal.stdin.write(`${nextCode(authenticator)}\n`);
      await ended;
      expect(terminal.exitCode).toBe(0);
      expect(existsSync(mark)).toBe(true);
    },
  );
});
