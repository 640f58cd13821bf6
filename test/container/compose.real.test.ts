import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { messageFromEntry } from "../../src/kafka/audit-message.ts";
import { AUDIT_TOPIC, stileTopics } from "../../src/kafka/topics.ts";
import { requireReal } from "../real/require-real.ts";
import { type ProgramResult, runProgram } from "../real/run-program.ts";
import { projectDir, projectText } from "./build-context.ts";
import { commandOf, readCompose, serviceOf } from "./compose-file.ts";

const composePart = await requireReal("compose");
const kafkaPart = await requireReal("kafka");
const text = projectText("docker-compose.yml");
const compose = readCompose(text);

describe.skipIf(!composePart.present)("the compose file, as the loader of compose reads it", () => {
  const loaded = (file: string): Promise<ProgramResult> =>
    runProgram(composePart.path, ["--format", "json", file], { cwd: projectDir });

  it("is valid, and has the services that these tests read", async () => {
    const { code, stdout, stderr } = await loaded("docker-compose.yml");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const model: unknown = JSON.parse(stdout);
    expect(model).toMatchObject({
      name: "stile",
      services: { stile: { read_only: true, cap_drop: ["ALL"] } },
    });
    const names = Object.keys(readServices(model));
    expect(names.toSorted()).toEqual(Object.keys(compose.services).toSorted());
  });

  it("would be refused with a key misspelt", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "stile-compose-"));
    const file = path.join(folder, "docker-compose.yml");
    await writeFile(file, text.replace("cap_drop:", "cap_drops:"));
    const { code, stderr } = await loaded(file);
    await rm(folder, { recursive: true });
    expect(code).not.toBe(0);
    expect(stderr).toContain("cap_drops");
  });
});

/**
 * Kafka's image makes `server.properties` of its environment with a program that is in Kafka's
 * own jars, formats its folder and starts. So do these tests, with only the addresses replaced.
 */
describe.skipIf(!kafkaPart.present)("Kafka, as the compose file configures it", () => {
  const jars = path.join(kafkaPart.path, "*");
  let folder = "";
  let bin = "";
  let brokers = "";
  let broker: ChildProcess | undefined;
  let onThisMachine: (text: string) => string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "stile-compose-kafka-"));
    bin = path.join(folder, "bin");
    const [inner = 0, host = 0, controller = 0] = await freePorts(3);
    brokers = `127.0.0.1:${inner}`;
    onThisMachine = (one) =>
      one
        .replaceAll(/(kafka)?:19092/g, brokers)
        .replaceAll(/(127\.0\.0\.1)?:9092/g, `127.0.0.1:${host}`)
        .replaceAll(/(kafka)?:9093/g, `127.0.0.1:${controller}`)
        .replaceAll("/var/lib/kafka/data", path.join(folder, "data"))
        .replaceAll("/opt/kafka/bin/", `${bin}/`);
    await makePrograms(bin, jars);
    broker = await startAsImageDoes(folder, jars, onThisMachine);
  });
  afterAll(async () => {
    if (broker !== undefined) {
      const end = once(broker, "exit");
      broker.stdin?.end();
      await end;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it("becomes healthy by its own check", async () => {
    const [, ...words] = serviceOf(compose, "kafka").healthcheck?.test ?? [];
    const [program = "", ...args] = words.map(onThisMachine);
    const deadlineMs = performance.now() + 60_000;
    let result = await runProgram(program, args);
    while (result.code !== 0 && performance.now() < deadlineMs) {
      await sleep(500);
      result = await runProgram(program, args);
    }
    expect(result).toMatchObject({ code: 0 });
  });

  it("gets its topics, and a second run changes nothing", async () => {
    const [program = "", ...args] = commandOf(serviceOf(compose, "topics")).map(onThisMachine);
    for (const run of ["first", "second"]) {
      const { code, stderr, stdout } = await runProgram(program, args);
      expect({ run, code, said: code === 0 ? "" : stdout + stderr }).toEqual({
        run,
        code: 0,
        said: "",
      });
    }
    const wanted = stileTopics(6, 1).map(({ topic, partitions, compacted }) => [
      topic,
      partitions,
      compacted ? "compact" : "delete",
    ]);
    expect(await describeTopics(brokers)).toEqual(wanted);
  });

  it("shows what is published: headers, key and record", async () => {
    await publishOne(brokers);
    const [program = "", ...args] = commandOf(serviceOf(compose, "audit-topic")).map(onThisMachine);
    // The service goes on for ever; here it ends with the first message.
    const { stdout, stderr } = await runProgram(program, [...args, "--max-messages", "1"]);
    expect(stderr).not.toMatch(/deprecat|unrecogni/i);
    expect(stdout).toContain("ce_id:decision-1");
    expect(stdout).toContain("ce_type:stile.decision.v1");
    expect(stdout).toMatch(/\tuser:ada\t\{"id":"decision-1"\}/);
  });
});

/** Writes what `/opt/kafka/bin` holds: a program of that name that runs its class. */
async function makePrograms(bin: string, jars: string): Promise<void> {
  await mkdir(bin, { recursive: true });
  const classes = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  };
  for (const [name, main] of Object.entries(classes)) {
    const file = path.join(bin, name);
    await writeFile(
      file,
      `#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -cp '${jars}' ${main} "$@"\n`,
    );
    await chmod(file, 0o755);
  }
}

async function startAsImageDoes(
  folder: string,
  jars: string,
  onThisMachine: (text: string) => string,
): Promise<ChildProcess> {
  const folders = ["default", "mounted", "final"].map((name) => path.join(folder, name));
  for (const one of folders) await mkdir(one);
  const [defaults = "", mounted = "", final = ""] = folders;
  for (const name of ["server.properties", "log4j2.yaml", "tools-log4j2.yaml"]) {
    await writeFile(path.join(defaults, name), "");
  }
  const { environment } = serviceOf(compose, "kafka");
  const env = Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, onThisMachine(value)]),
  );
  const configure = ["kafka.docker.KafkaDockerWrapper", "setup"];
  const where = ["-D", defaults, "-M", mounted, "-F", final];
  const result = await runProgram("java", ["-cp", jars, ...configure, ...where], { env });
  if (result.code !== 0) throw new Error(`configure Kafka: ${result.stdout}${result.stderr}`);
  const properties = path.join(final, "server.properties");
  expect(await readFile(properties, "utf8")).not.toContain("heap");
  const java = ["java", env["KAFKA_HEAP_OPTS"] ?? "", "-XX:TieredStopAtLevel=1", "-cp", jars];
  // Ends the broker when its standard input is closed, which happens however this process ends.
  const guarded = '"$@" & cat >/dev/null; kill -9 $!; wait';
  return spawn("sh", ["-c", guarded, "sh", ...java, "kafka.Kafka", properties], {
    stdio: ["pipe", "ignore", "ignore"],
  });
}

function readServices(model: unknown): object {
  if (typeof model !== "object" || model === null || !("services" in model)) return {};
  const { services } = model;
  return typeof services === "object" && services !== null ? services : {};
}

function clientOf(brokers: string): Kafka {
  return new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
}

/** @returns name, partitions and clean-up policy of each topic of Stile, in the order of the code. */
async function describeTopics(
  brokers: string,
): Promise<readonly (readonly [string, number, string])[]> {
  const admin = clientOf(brokers).admin();
  await admin.connect();
  try {
    const names = stileTopics(1, 1).map(({ topic }) => topic);
    expect((await admin.listTopics()).toSorted()).toEqual(names.toSorted());
    const { topics } = await admin.fetchTopicMetadata({ topics: names });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({
        type: ConfigResourceTypes.TOPIC,
        name,
        configNames: ["cleanup.policy"],
      })),
    });
    return names.map((name) => [
      name,
      topics.find((one) => one.name === name)?.partitions.length ?? 0,
      resources.find((one) => one.resourceName === name)?.configEntries[0]?.configValue ?? "",
    ]);
  } finally {
    await admin.disconnect();
  }
}

async function publishOne(brokers: string): Promise<void> {
  const producer = clientOf(brokers).producer();
  await producer.connect();
  const message = messageFromEntry({
    instance: "here",
    id: "decision-1",
    type: "stile.decision.v1",
    timeMs: 0,
    subject: "user:ada",
    sequence: 1,
    body: Buffer.from('{"id":"decision-1"}'),
  });
  await producer.send({ topic: AUDIT_TOPIC, acks: -1, messages: [message] });
  await producer.disconnect();
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    ports.push(typeof address === "object" && address !== null ? address.port : 0);
  }
  for (const server of servers) server.close();
  return ports;
}
