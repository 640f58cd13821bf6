import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../real/run-program.ts";
import { projectDir, projectText } from "./build-context.ts";
import {
  environmentOf,
  healthCommandOf,
  imageOf,
  lastOf,
  readDockerfile,
} from "./dockerfile-reader.ts";
import { runStages, type StageCommand } from "./run-stages.ts";

const stages = readDockerfile(projectText("Dockerfile"));
const image = imageOf(stages);
const isRoot = process.getuid?.() === 0;
const [uid = 0, gid = 0] = (lastOf(image, "USER")?.text ?? "").split(":").map(Number);
/** Only root can become the image's user; others stay who they are. */
const user = isRoot ? { uid, gid } : {};
const entry = [...(lastOf(image, "ENTRYPOINT")?.words ?? [])];

describe("what the Dockerfile makes, on this machine", () => {
  let folder = "";
  let app = "";
  let dataDir = "";

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-image-"));
    await chmod(folder, 0o755);
    dataDir = path.join(folder, "data");
    await mkdir(dataDir, { mode: 0o700 });
    if (isRoot) await chown(dataDir, uid, gid);
    app = await runStages(stages, folder, runCommand);
    await setWritable(app, false);
  });
  afterAll(async () => {
    await setWritable(app, true);
    await rm(folder, { recursive: true, force: true });
  });

  /** The image's own environment, with what this machine has to give. */
  function environment(): Record<string, string> {
    return {
      ...environmentOf(image),
      PATH: process.env["PATH"] ?? "",
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
    };
  }

  function start(words: readonly string[]): ChildProcess {
    const [program = "", ...args] = [...entry, ...words];
    return spawn(program, args, {
      cwd: app,
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
      ...user,
    });
  }

  it("holds what the service runs with, and nothing that builds or tests it", async () => {
    expect((await readdir(app)).toSorted()).toEqual([
      "LICENSE",
      "dist",
      "node_modules",
      "package.json",
      "policies",
    ]);
    expect(await readdir(path.join(app, "policies"))).toEqual(["sre.tar.gz"]);
    const packages = await readdir(path.join(app, "node_modules"));
    expect(packages).toContain("lmdb");
    for (const tool of ["typescript", "vitest", "@biomejs", "knip"]) {
      expect(packages).not.toContain(tool);
    }
  });

  it("can be read by whoever the engine runs it as", async () => {
    const unreadable = await filesWhere(app, (mode, isFolder) =>
      isFolder ? (mode & 0o005) !== 0o005 : (mode & 0o004) === 0,
    );
    expect(unreadable).toEqual([]);
  });

  it("tells its commands", async () => {
    const child = start(["--help"]);
    const { code, stdout, stderr } = await ended(child);
    expect(stderr).toBe("");
    expect(stdout).toContain("serve");
    expect(code).toBe(0);
  });

  it("serves on a file system that it cannot write, is ready, and stops when told", async () => {
    const child = start(["serve"]);
    const end = ended(child);
    try {
      const port = await httpPortOf(child);
      expect(await untilHealthy(port)).toBe(0);
      expect((await readdir(dataDir)).length).toBeGreaterThan(0);
    } finally {
      child.kill("SIGTERM");
    }
    const { code, stderr } = await end;
    expect(stderr).not.toContain("Warning");
    expect(code).toBe(0);
  });

  it("finds itself unhealthy where nobody answers", async () => {
    expect(await health(1)).toBe(1);
  });
});

/** Runs a command of a stage, but for two that this machine stands in for. */
async function runCommand({ stage, command, cwd }: StageCommand): Promise<void> {
  // The packages of the project's own lockfile are here already, and npm takes half a minute.
  if (stage === "build" && command.startsWith("npm ci")) {
    await symlink(path.join(projectDir, "node_modules"), path.join(cwd, "node_modules"));
    return;
  }
  // The user and its folder are made by hand.
  if (command.startsWith("groupadd")) return;
  const { code, stdout, stderr } = await runProgram("sh", ["-c", command], { cwd });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stdout}${stderr}`);
}

/** Runs the image's health check, on another port. */
async function health(port: number): Promise<number> {
  const words = healthCommandOf(image);
  const [program = "", ...args] = words.map((word) => word.replace(":8080/", `:${port}/`));
  return (await runProgram(program, args)).code;
}

async function untilHealthy(port: number): Promise<number> {
  const deadlineMs = performance.now() + 30_000;
  let code = await health(port);
  while (code !== 0 && performance.now() < deadlineMs) {
    await sleep(100);
    code = await health(port);
  }
  return code;
}

/** @returns the port of the line that the server writes when it takes calls. */
function httpPortOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let written = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      written += chunk.toString("utf8");
      const port = /HTTP on \S+:(\d+)/.exec(written)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("close", () => reject(new Error(`the server ended: ${written}`)));
  });
}

async function ended(
  child: ChildProcess,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const closed: unknown[] = await once(child, "close");
  return { code: typeof closed[0] === "number" ? closed[0] : -1, stdout, stderr };
}

/** What a read-only root file system means to the service. */
async function setWritable(root: string, writable: boolean): Promise<void> {
  const mode = writable ? "u+w" : "a-w";
  await runProgram("chmod", ["-R", mode, root]);
}

async function filesWhere(
  root: string,
  holds: (mode: number, isFolder: boolean) => boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const file of await readdir(root, { recursive: true })) {
    const { mode } = await stat(path.join(root, file));
    const isFolder = (mode & 0o170_000) === 0o040_000;
    if (holds(mode, isFolder)) found.push(file);
  }
  return found;
}
