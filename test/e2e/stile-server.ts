import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { StileClient } from "../../src/client/stile-client.ts";
import { waitFor } from "../real/wait-for.ts";
import { buildStile, STILE } from "./built-stile.ts";
import { CLOCK_BY_HAND, CLOCK_STEP_MS } from "./clock-by-hand.ts";
import { type Ended, type GuardedProcess, startGuarded } from "./guarded-process.ts";

export interface ServerOptions {
  /** Kept after `stop` when given; else a new folder that `stop` removes. */
  readonly dataDir?: string;
  /** More variables of the server, such as STILE_BUNDLE. */
  readonly env?: Readonly<Record<string, string>>;
  /** Lets the server's wall clock stand at this instant; `moveClock` moves it. */
  readonly clockMs?: number;
}

/** The real server in a process of its own, on ports and a data directory of its own. */
export interface StileServer {
  /** `host:port`; a restart keeps it. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly dataDir: string;
  readonly pid: number;
  /** From start until a call could be made, of the last start. For the report, not for tests. */
  readonly startMs: number;
  /** What the server wrote to its standard error since the first start. */
  log(): string;
  /** A client of this server; `stop` closes it. */
  client(): StileClient;
  /** Sends a signal and waits until the process has ended. */
  kill(signal: NodeJS.Signals): Promise<Ended>;
  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process that runs now has ended. */
  ended(): Promise<Ended>;
  /** Starts again after a `kill`, on the same ports and data. */
  restart(): Promise<void>;
  /** What the server's wall clock shows. */
  readonly nowMs: number;
  /** The wall clock goes on by steps of 30 s, those of an authenticator. Needs `clockMs`. */
  moveClock(steps?: number): Promise<void>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
  /** Ends the server, if it runs, and removes what it left. */
  stop(): Promise<void>;
}

/** Starts the server and waits until it takes calls. @throws Error with its log. */
export async function startStile(options: ServerOptions = {}): Promise<StileServer> {
  await buildStile();
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "stile-e2e-")));
  const clients: StileClient[] = [];
  let log = "";
  let grpcAddress = "127.0.0.1:0";
  let httpAddress = "127.0.0.1:0";
  let startMs = 0;
  let movedMs = 0;
  let running: GuardedProcess | undefined;

  const nowMs = (): number =>
    options.clockMs === undefined ? Date.now() : options.clockMs + movedMs;

  async function start(): Promise<void> {
    const startedMs = performance.now();
    const from = log.length;
    const env = {
      ...serverEnv(),
      STILE_GRPC_ADDR: grpcAddress,
      STILE_HTTP_ADDR: httpAddress,
      STILE_DATA_DIR: dataDir,
      ...options.env,
      ...(options.clockMs === undefined ? {} : { STILE_TEST_CLOCK_MS: String(nowMs()) }),
    };
    const clock = options.clockMs === undefined ? [] : ["--import", CLOCK_BY_HAND];
    const started = await startGuarded(process.execPath, [...clock, STILE, "serve"], env);
    running = started;
    started.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    started.stdout.resume();
    let ended: Ended | undefined;
    void started.ended.then((how) => {
      ended = how;
    });
    await waitFor("the server to start", () => {
      if (ended !== undefined) return true;
      return READY.test(log.slice(from));
    });
    const [, grpc, http] = READY.exec(log.slice(from)) ?? [];
    if (grpc === undefined || http === undefined) {
      throw new Error(`the server ended with ${ended?.code ?? ended?.signal}:\n${log.slice(from)}`);
    }
    grpcAddress = grpc;
    httpAddress = http;
    startMs = performance.now() - startedMs;
  }

  function current(): GuardedProcess {
    if (running === undefined) throw new Error("no server was started");
    return running;
  }

  async function kill(signal: NodeJS.Signals): Promise<Ended> {
    current().signal(signal);
    return current().ended;
  }

  async function stop(): Promise<void> {
    for (const client of clients.splice(0)) client.close();
    await kill("SIGKILL");
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (thrown) {
    if (running !== undefined) await stop();
    throw thrown;
  }
  return {
    get grpcAddress() {
      return grpcAddress;
    },
    get httpAddress() {
      return httpAddress;
    },
    dataDir,
    get pid() {
      return current().pid;
    },
    get startMs() {
      return startMs;
    },
    log: () => log,
    client() {
      const client = new StileClient(grpcAddress);
      clients.push(client);
      return client;
    },
    kill,
    signal: (signal) => current().signal(signal),
    ended: () => current().ended,
    restart: start,
    get nowMs() {
      return nowMs();
    },
    async moveClock(steps = 1) {
      for (let step = 0; step < steps; step += 1) {
        const before = movesIn(log);
        current().signal("SIGUSR2");
        await waitFor("the server's clock to move", () => movesIn(log) > before);
        movedMs += CLOCK_STEP_MS;
      }
    },
    async metrics() {
      return (await fetch(`http://${httpAddress}/metrics`)).text();
    },
    stop,
  };
}

const READY = /Stile answers gRPC on (\S+), HTTP on (\S+)/;

function movesIn(log: string): number {
  return log.split("the clock moved").length - 1;
}

/** Our environment without variables of Stile: the server refuses those that it does not know. */
export function serverEnv(): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !name.startsWith("STILE_")) env[name] = value;
  }
  return env;
}
