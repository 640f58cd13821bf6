import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { generateSync } from "otplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireReal, toolsDir } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { type ShellBlock, shellBlocksOf } from "./shell-blocks.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = [
  "README.md",
  "docs/service-developers.md",
  "docs/policy-authors.md",
  "docs/siem-engineers.md",
  "docs/operators.md",
  "docs/engineers.md",
];
/** Tried by `.ci/run`, which does it on a fresh clone. */
const BY_CI = new Set(["npm ci"]);

const [grpcurl, opa] = [await requireReal("grpcurl"), await requireReal("opa")];
const dataDir = mkdtempSync(join(tmpdir(), "stile-docs-"));
const env = {
  ...process.env,
  PATH: `${join(toolsDir, "bin")}${delimiter}${process.env["PATH"] ?? ""}`,
  STILE_DATA_DIR: dataDir,
  NO_COLOR: "1",
};
let server: ChildProcess | undefined;

const blocks = PAGES.flatMap((page) => shellBlocksOf(page, join(ROOT, page)));
const commands = blocks.flatMap((block) => block.commands.map((command) => ({ block, command })));
const run = commands.filter(({ block, command }) => isRun(block, command));

function isRun({ marks }: ShellBlock, command: string): boolean {
  return !marks.has("skip") && !BY_CI.has(command) && command !== "npm start";
}

describe.skipIf(!grpcurl.present || !opa.present)("the commands in the pages", () => {
  beforeAll(async () => {
    server = spawn("npm", ["start"], { cwd: ROOT, env, stdio: "ignore", detached: true });
    await waitFor("the server that `npm start` starts", isReady, 60_000);
  }, 90_000);

  afterAll(async () => {
    if (server?.pid !== undefined) {
      const ended = new Promise((resolve) => server?.once("exit", resolve));
      process.kill(-server.pid, "SIGTERM");
      await ended;
    }
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("are found in every page", () => {
    expect(run.length).toBeGreaterThan(12);
    expect(new Set(commands.map(({ block }) => block.page)).size).toBe(PAGES.length);
    expect(commands.map(({ command }) => command)).toEqual(
      expect.arrayContaining(["npm ci", "npm start"]),
    );
  });

  it.each(run.filter(({ block }) => !block.marks.has("interactive")))(
    "$block.page:$block.line $command",
    async ({ block, command }) => {
      const wanted = Number(block.marks.get("exit") ?? "0");
      const { code, output } = await shell(command);
      expect({ code, output }).toEqual({ code: wanted, output });
    },
  );

  it("enrol a person at a terminal and run what they were allowed", async () => {
    const [enroll, exec] =
      shellBlocksOf("README.md", join(ROOT, "README.md")).find(({ marks }) =>
        marks.has("interactive"),
      )?.commands ?? [];
    let secret = "";
    const enrolled = await atTerminal(enroll ?? "", (screen) => {
      secret = /type the secret in: ([A-Z2-7]+)/.exec(screen)?.[1] ?? secret;
      return screen.includes("Code it shows now:")
        ? totpCode(secret, Date.now() - 30_000)
        : undefined;
    });
    expect(enrolled).toContain("enrolled");
    const ran = await atTerminal(exec ?? "", (screen) =>
      screen.includes("Code from your authenticator:") ? totpCode(secret, Date.now()) : undefined,
    );
    expect(ran).toContain("allow");
    expect(ran.replaceAll("\r", "")).toMatch(/\ndeploying\n/);
  });
});

async function isReady(): Promise<boolean> {
  try {
    return (await fetch("http://127.0.0.1:8080/readyz")).ok;
  } catch {
    return false;
  }
}

function totpCode(secret: string, atMs: number): string {
  return generateSync({ secret, epoch: Math.floor(atMs / 1000) });
}

function shell(command: string): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn("bash", ["-c", command], {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("close", (code) => resolve({ code: code ?? -1, output }));
  });
}

/**
 * Runs a command at a pseudo-terminal, as a person would.
 *
 * @param answer what to type once, given all that is on the screen so far.
 */
function atTerminal(
  command: string,
  answer: (screen: string) => string | undefined,
): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn("script", ["-qec", command, "/dev/null"], { cwd: ROOT, env });
    let screen = "";
    let isAnswered = false;
    child.stdout.on("data", (chunk: Buffer) => {
      screen += chunk.toString();
      const typed = isAnswered ? undefined : answer(screen);
      if (typed === undefined) return;
      isAnswered = true;
      child.stdin.write(`${typed}\r`);
    });
    child.once("close", () => resolve(screen));
  });
}
