import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runGrpcurl } from "./grpcurl.ts";
import { type RealKafka, startKafka } from "./kafka.ts";
import { runOpa } from "./opa.ts";
import { requireReal } from "./require-real.ts";
import { sharedKafka } from "./shared-kafka.ts";

const opa = await requireReal("opa");
const grpcurl = await requireReal("grpcurl");
const kafka = await requireReal("kafka");

describe.skipIf(!opa.present)("OPA", () => {
  it("is the pinned version", async () => {
    expect((await runOpa(["version"])).stdout).toContain("Version: 1.22.2");
  });
});

describe.skipIf(!grpcurl.present)("grpcurl", () => {
  it("runs", async () => {
    expect((await runGrpcurl(["-help"])).code).toBe(0);
  });
});

describe.skipIf(!kafka.present)("Kafka", () => {
  let broker: RealKafka;
  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(async () => {
    await broker.stop();
  });

  it("keeps its topics over a kill and a restart", async () => {
    await withAdmin(broker.brokers, (admin) => admin.createTopics({ topics: [{ topic: "kept" }] }));
    const before = broker.pid;
    await broker.kill("SIGKILL");
    expect(broker.pid).toBe(-1);
    await broker.restart();
    expect(broker.pid).not.toBe(before);
    expect(await withAdmin(broker.brokers, (admin) => admin.listTopics())).toContain("kept");
  });

  it("is shared by those who ask for the shared one", async () => {
    const [first, second] = await Promise.all([sharedKafka(), sharedKafka()]);
    expect(first).toEqual(second);
    expect(await withAdmin(first, (admin) => admin.listTopics())).toBeInstanceOf(Array);
  });
});

type Admin = ReturnType<Kafka["admin"]>;

async function withAdmin<Result>(
  brokers: readonly string[],
  use: (admin: Admin) => Promise<Result>,
): Promise<Result> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
