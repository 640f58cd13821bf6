import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OUTPUT, SHIPPED_PACK } from "./places.ts";

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** `host:port` */
  readonly address: string;
  stop(): Promise<void>;
}

const START_MS = 30_000;
const STOP_MS = 15_000;

/**
 * Starts a program and waits until it tells its address.
 *
 * @param options.told what it writes once it serves; the first group is the address.
 * @throws Error with what it wrote, when it ends or stays silent for 30 s.
 */
export async function startServer(options: {
  readonly program: string;
  readonly args: readonly string[];
  readonly told: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<ServerProcess> {
  const { program, args, told } = options;
  const child = spawn(program, args, {
    env: { ...withoutStile(process.env), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.removeListener("exit", killAtExit));
  const address = await addressOf(child, told);
  return { pid: child.pid ?? -1, address, stop: () => stop(child) };
}

/** Starts Stile as people start it, on free ports, with a data directory of its own. */
export async function startStile(options: {
  readonly main: string;
  /** Options of node, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}): Promise<ServerProcess> {
  mkdirSync(OUTPUT, { recursive: true });
  // Not in /tmp, which may be memory: the journal is written to a real disk.
  const dataDir = mkdtempSync(join(OUTPUT, "data-"));
  const server = await startServer({
    program: process.execPath,
    args: [...(options.nodeArgs ?? []), options.main, "serve"],
    told: /answers gRPC on (\S+),/,
    env: {
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
      STILE_BUNDLE: SHIPPED_PACK,
      STILE_AUDIT_MAX_BYTES: String(256 * 1024 * 1024),
      STILE_LOG_LEVEL: "warn",
    },
  });
  return {
    ...server,
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function addressOf(child: ChildProcess, told: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`${child.spawnargs.join(" ")} ${why}: ${output}`));
    };
    const timer = setTimeout(() => fail("did not start"), START_MS);
    const read = (chunk: Buffer): void => {
      // Kept short: what comes after the address is of no use here.
      if (output.length < 10_000) output += chunk.toString();
      const address = told.exec(output)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/** A Stile set up in the shell must not change what is measured. */
function withoutStile(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("STILE_")));
}
