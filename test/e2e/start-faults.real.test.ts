import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject } from "../../src/core/json.ts";
import { waitFor } from "../real/wait-for.ts";
import { ALLOWED } from "./questions.ts";
import { type Ran, runStile, startCommand } from "./run-stile.ts";
import { type StileServer, startStile } from "./stile-server.ts";

const PACK = path.resolve(import.meta.dirname, "../../policies/sre.tar.gz");

describe("a server that cannot start", () => {
  let folder: string;
  let running: StileServer;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-start-"));
    running = await startStile();
  });
  afterAll(async () => {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs `stile serve`, which is to fail. */
  async function serve(
    env: Readonly<Record<string, string>>,
    ...words: readonly string[]
  ): Promise<Ran> {
    const dataDir = await mkdtemp(path.join(folder, "data-"));
    return runStile(["serve", ...words], {
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
      ...env,
    });
  }
  const fileOf = async (name: string, content: string | Buffer): Promise<string> => {
    const file = path.join(await mkdtemp(path.join(folder, "file-")), name);
    await writeFile(file, content);
    return file;
  };

  const CONFIGURATION: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    [
      "an unknown variable",
      { STILE_GRCP_ADDR: "x" },
      /STILE_GRCP_ADDR is not a variable of Stile; there are .*STILE_GRPC_ADDR/,
    ],
    [
      "an address without a port",
      { STILE_GRPC_ADDR: "localhost" },
      /STILE_GRPC_ADDR is "localhost": expected host:port/,
    ],
    [
      "a level that is none",
      { STILE_AUDIT_ACK: "maybe" },
      /STILE_AUDIT_ACK is "maybe".*journal.*synced.*kafka/,
    ],
    [
      "a limit that is too small",
      { STILE_AUDIT_MAX_BYTES: "1" },
      /STILE_AUDIT_MAX_BYTES is "1": expected at least/,
    ],
    [
      "brokers that are none",
      { STILE_KAFKA_BROKERS: "kafka" },
      /STILE_KAFKA_BROKERS is "kafka": expected host:port/,
    ],
    ["the level kafka without Kafka", { STILE_AUDIT_ACK: "kafka" }, /kafka\.brokers is not set/],
    [
      "a file that is not there",
      { STILE_CONFIG: "/no/such/stile.yaml" },
      /read the configuration \/no\/such\/stile\.yaml/,
    ],
    [
      "an address of another machine",
      { STILE_GRPC_ADDR: "192.0.2.1:1" },
      /listen for gRPC on 192\.0\.2\.1:1/,
    ],
    [
      "an HTTP address of another machine",
      { STILE_HTTP_ADDR: "192.0.2.1:1" },
      /listen for HTTP on 192\.0\.2\.1:1/,
    ],
    [
      "a bundle that is not there",
      { STILE_BUNDLE: "/no/such/bundle.tar.gz" },
      /open bundle \/no\/such\/bundle\.tar\.gz/,
    ],
    ["a data directory in a file", { STILE_DATA_DIR: "/dev/null/data" }, /\/dev\/null\/data/],
  ];

  it.each(CONFIGURATION)("says so of %s", async (_, env, what) => {
    expect(problemOf(await serve(env))).toMatch(what);
  });

  const FILES: readonly (readonly [string, string, RegExp])[] = [
    [
      "an unknown key",
      "grpc:\n  address: 127.0.0.1:0\n",
      /grpc\.address in .* is not a key of Stile; there are .*grpc\.addr/,
    ],
    ["a key of a wrong type", "bundle: 7\n", /bundle is 7/],
    ["a list", "- grpc\n", /holds no mapping/],
  ];

  it.each(FILES)("says so of a configuration file with %s", async (_, text, what) => {
    const file = await fileOf("stile.yaml", text);
    expect(problemOf(await serve({}, "--config", file))).toMatch(what);
    expect(problemOf(await serve({ STILE_CONFIG: file }))).toMatch(what);
  });

  it("shows the place where a configuration file is no YAML", async () => {
    const file = await fileOf("stile.yaml", "log:\n  level: info\n grpc: {\n");
    const { code, stderr } = await serve({}, "--config", file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stile: read the configuration \S+stile\.yaml: .* line 3/);
  });

  const BUNDLES: readonly (readonly [string, (pack: Buffer) => Buffer])[] = [
    ["empty", () => Buffer.alloc(0)],
    ["cut in the middle", (pack) => pack.subarray(0, pack.length / 2)],
    ["no archive", () => Buffer.from("this is no bundle")],
    ["a page of zeros", () => Buffer.alloc(65_536)],
    [
      "damaged inside",
      (pack) => {
        const damaged = Buffer.from(pack);
        damaged.fill(0xaa, pack.length / 3, pack.length / 3 + 64);
        return damaged;
      },
    ],
  ];

  it.each(BUNDLES)("says so of a bundle that is %s", async (_, change) => {
    const bundle = await fileOf("bundle.tar.gz", change(await readFile(PACK)));
    expect(problemOf(await serve({ STILE_BUNDLE: bundle }))).toMatch(
      /open bundle \S+bundle\.tar\.gz of policy "default": \S/,
    );
  });

  it("says so of a bundle folder without a policy", async () => {
    const bundle = await mkdtemp(path.join(folder, "bundle-"));
    await writeFile(path.join(bundle, "data.json"), "{}");
    expect(problemOf(await serve({ STILE_BUNDLE: bundle }))).toMatch(/policy\.wasm/);
  });

  it("says so of a module without the entrypoint", async () => {
    const bundle = await mkdtemp(path.join(folder, "bundle-"));
    spawnSync("tar", ["xzf", PACK, "-C", bundle]);
    const wasm = await readFile(path.join(bundle, "policy.wasm"));
    const at = wasm.indexOf("stile/decision");
    expect(at).toBeGreaterThan(0);
    wasm.write("other", at);
    await writeFile(path.join(bundle, "policy.wasm"), wasm);
    expect(problemOf(await serve({ STILE_BUNDLE: bundle }))).toMatch(/stile\/decision/);
  });

  it("does not touch the data directory of a running server", async () => {
    const done = await serve({ STILE_DATA_DIR: running.dataDir });
    expect(problemOf(done)).toMatch(
      RegExp(`${running.dataDir} is in use by the process with id ${running.pid}`),
    );
    const asJson = await runStile(["--json", "serve"], { STILE_DATA_DIR: running.dataDir });
    expect(codeIn(asJson.stderr)).toBe("data_dir_in_use");
    expect((await running.client().decide(ALLOWED)).kind).toBe("allow");
  });

  it("says so of a port that is taken", async () => {
    expect(problemOf(await serve({ STILE_GRPC_ADDR: running.grpcAddress }))).toMatch(
      RegExp(`listen for gRPC on ${running.grpcAddress}`),
    );
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    expect(problemOf(await serve({ STILE_HTTP_ADDR: `127.0.0.1:${port}` }))).toMatch(
      RegExp(`listen for HTTP on 127.0.0.1:${port}`),
    );
    other.close();
  });

  it("does not take a key that others can read", async () => {
    const dataDir = await mkdtemp(path.join(folder, "data-"));
    await mkdir(path.join(dataDir, "keys"), { mode: 0o700 });
    const key = path.join(dataDir, "keys", "factor-key");
    await copyFile(path.join(running.dataDir, "keys", "factor-key"), key);
    await chmod(key, 0o644);
    expect(problemOf(await serve({ STILE_DATA_DIR: dataDir }))).toMatch(
      /factor-key is open to others .*chmod 600/,
    );
  });

  it("says so of a trail that it cannot read, and leaves it alone", async () => {
    const dataDir = await mkdtemp(path.join(folder, "data-"));
    await mkdir(path.join(dataDir, "journal"));
    await writeFile(path.join(dataDir, "state"), "no folder");
    expect(problemOf(await serve({ STILE_DATA_DIR: dataDir }))).toMatch(/state/);
    expect(await readFile(path.join(dataDir, "state"), "utf8")).toBe("no folder");
  });

  it("lets the data directory go when it fails, so that the next start works", async () => {
    const dataDir = await mkdtemp(path.join(folder, "data-"));
    expect((await serve({ STILE_DATA_DIR: dataDir, STILE_BUNDLE: "/none" })).code).toBe(1);
    const server = await startStile({ dataDir });
    await server.stop();
  });

  it("ends in good order at SIGINT", async () => {
    const dataDir = await mkdtemp(path.join(folder, "data-"));
    const env = {
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
    };
    const command = await startCommand(["serve"], env);
    await waitFor("the server to start", () => command.stderr().includes("Stile answers"));
    command.signal("SIGINT");
    const ended = await command.ended;
    expect(ended).toMatchObject({ code: 0, stdout: "" });
    expect(ended.stderr.trim().split("\n").at(-1)).toContain('"event":"stopped"');
  });
});

/**
 * @returns the one line that it wrote for people, beside the structured log.
 * @throws Error when it did not end with 1 and one line that a person can act on.
 */
function problemOf({ code, stdout, stderr }: Ran): string {
  const [line = "", ...others] = stderr.split("\n").filter((each) => /^[^{]/.test(each));
  const isClear = line.startsWith("stile: ") && !/undefined|\[object|node_modules/.test(line);
  if (code === 1 && stdout === "" && others.length === 0 && isClear) return line;
  throw new Error(`exit code ${code}: ${stdout}${stderr}`);
}

function codeIn(text: string): unknown {
  const lines = text.trim().split("\n");
  const value: unknown = JSON.parse(lines.at(-1) ?? "");
  const error = isJsonObject(value) ? value["error"] : undefined;
  return isJsonObject(error ?? null) && error !== undefined && isJsonObject(error)
    ? error["code"]
    : undefined;
}
