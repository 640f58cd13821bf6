import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { requireReal } from "./require-real.ts";
import { runProgram } from "./run-program.ts";
import { waitFor } from "./wait-for.ts";

export interface KafkaOptions {
  /** Kept after `stop` when given; else a new folder that `stop` removes. */
  readonly dataDir?: string;
  /** A free one where not given. */
  readonly port?: number;
  /** Lines for the broker's `server.properties`, over ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Formats and prepares, but starts nothing until `restart()`. */
  readonly stopped?: boolean;
}

/** A running broker of Apache Kafka in KRaft mode. It ends when this process does. */
export interface RealKafka {
  readonly brokers: readonly string[];
  readonly port: number;
  readonly dataDir: string;
  /** Of the broker now running; -1 when none is. */
  readonly pid: number;
  /** Sends the broker a signal; resolves once it has stopped or ended; at once for SIGCONT. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts the broker again on the same port and data, and waits until it serves. */
  restart(): Promise<void>;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
}

/** Starts a broker and waits until it answers. Check `requireReal("kafka")` first. */
export async function startKafka(options: KafkaOptions = {}): Promise<RealKafka> {
  const jars = path.join((await requireReal("kafka")).path, "*");
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "stile-kafka-")));
  const ports = await freePorts();
  const port = options.port ?? ports.broker;
  const configFile = await prepare({
    jars,
    dataDir,
    port,
    controllerPort: ports.controller,
    options,
  });

  let broker: ChildProcess | undefined;
  let guard: ChildProcess | undefined;

  async function restart(): Promise<void> {
    broker = startBroker({ jars, dataDir, configFile });
    guard = guardOf(broker);
    await untilServing(port, broker);
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (broker === undefined || broker.exitCode !== null || broker.signalCode !== null) return;
    if (signal === "SIGSTOP" || signal === "SIGCONT") {
      broker.kill(signal);
      if (signal === "SIGSTOP") await untilStopped(broker);
      return;
    }
    const ended = once(broker, "exit");
    broker.kill(signal);
    await ended;
    guard?.kill("SIGKILL");
    broker = undefined;
  }

  // Nothing of a test's broker is worth an orderly shutdown, which takes seconds.
  async function stop(): Promise<void> {
    await kill("SIGKILL");
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }

  if (options.stopped !== true) {
    try {
      await restart();
    } catch (thrown) {
      await stop();
      throw thrown;
    }
  }
  return {
    brokers: [`127.0.0.1:${port}`],
    port,
    dataDir,
    get pid() {
      return broker?.pid ?? -1;
    },
    kill,
    restart,
    stop,
  };
}

/** Fast to start, small, and quiet: a broker of a test lives for seconds. */
const javaFlags = [
  "-Xms96m",
  "-Xmx320m",
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-Xshare:auto",
];

interface Preparation {
  readonly jars: string;
  readonly dataDir: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly options: KafkaOptions;
}

async function prepare(preparation: Preparation): Promise<string> {
  const { jars, dataDir, port, controllerPort, options } = preparation;
  await mkdir(dataDir, { recursive: true });
  const configFile = path.join(dataDir, "server.properties");
  const properties: Readonly<Record<string, string>> = {
    "process.roles": "broker,controller",
    "node.id": "1",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "log.dirs": path.join(dataDir, "log"),
    "auto.create.topics.enable": "false",
    "num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    // A broker that was killed comes back only once its old session is over: 9 s by default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "8388608",
    ...options.properties,
  };
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(configFile, lines.join(""));

  const cluster = randomUUID().replaceAll("-", "").slice(0, 22);
  const format = ["format", "--standalone", "--ignore-formatted", "-t", cluster, "-c", configFile];
  const formatted = await runProgram("java", [
    ...javaFlags,
    "-cp",
    jars,
    "kafka.tools.StorageTool",
    ...format,
  ]);
  if (formatted.code !== 0) {
    throw new Error(`format the folder of a Kafka broker: ${formatted.stdout}${formatted.stderr}`);
  }
  return configFile;
}

function startBroker(at: { jars: string; dataDir: string; configFile: string }): ChildProcess {
  const child = spawn("java", [...javaFlags, "-cp", at.jars, "kafka.Kafka", at.configFile], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = createWriteStream(path.join(at.dataDir, "broker.log"), { flags: "a" });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  child.once("close", () => output.end());
  return child;
}

/**
 * A shell that waits for its standard input to close, which happens however this process ends,
 * and then ends the broker. A test worker that is killed leaves no Java behind.
 */
function guardOf(broker: ChildProcess): ChildProcess {
  const guard = spawn("sh", ["-c", 'cat >/dev/null; kill -9 "$0"', String(broker.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  return guard;
}

/** On a busy machine a thread may answer a request before it learns that it is to stop. */
async function untilStopped(broker: ChildProcess): Promise<void> {
  const tasks = `/proc/${broker.pid}/task`;
  // Elsewhere than on Linux there is nothing to look at.
  if (!existsSync(tasks)) return;
  await waitFor("the Kafka broker to stop", () =>
    readdirSync(tasks).every((task) =>
      /\) T /.test(readFileSync(`${tasks}/${task}/stat`, "latin1")),
    ),
  );
}

/** Asks the broker itself; without a logging library on its path it logs nothing. */
async function untilServing(port: number, broker: ChildProcess): Promise<void> {
  const kafka = new Kafka({
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 3000,
    retry: { retries: 0 },
  });
  const deadlineMs = performance.now() + 60_000;
  let last: unknown;
  while (performance.now() < deadlineMs) {
    if (broker.exitCode !== null || broker.signalCode !== null) {
      throw new Error(`the Kafka broker ended with ${broker.exitCode ?? broker.signalCode}`);
    }
    const admin = kafka.admin();
    try {
      await admin.connect();
      const cluster = await admin.describeCluster();
      await admin.listTopics();
      if (cluster.brokers.length > 0) return;
    } catch (thrown) {
      last = thrown;
    } finally {
      await admin.disconnect();
    }
    await sleep(100);
  }
  throw new Error("the Kafka broker did not answer within 60 s", { cause: last });
}

/** Two ports at once, so that they differ. */
async function freePorts(): Promise<{ broker: number; controller: number }> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ports.push(portOf(server.address()));
  }
  for (const server of servers) server.close();
  const [broker = 0, controller = 0] = ports;
  return { broker, controller };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
