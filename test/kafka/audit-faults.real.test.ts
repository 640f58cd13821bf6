import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ChainFinding, verifyChain } from "../../src/audit/chain.ts";
import { type Audit, openAudit } from "../../src/audit/open-audit.ts";
import type { Receipt } from "../../src/core/decision.ts";
import { StileError } from "../../src/core/errors.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { KafkaAuditSink } from "../../src/kafka/audit-sink.ts";
import { draft, temporaryFolder } from "../audit/trail-kit.ts";
import { type KafkaOptions, type RealKafka, startKafka } from "../real/kafka.ts";
import { requireReal } from "../real/require-real.ts";
import { waitFor } from "../real/wait-for.ts";
import { bySubject, withoutRepeats } from "./audit-sink-contract.ts";
import { createTopic, readTopic } from "./read-topic.ts";

const kafka = await requireReal("kafka");
const TOPIC = "stile.audit.v1";
const REQUEST_TIMEOUT_MS = 1000;

interface Road {
  readonly broker: RealKafka;
  readonly audit: Audit;
  /** How often a batch was sent again: a fault that the sink did not meet tests nothing. */
  readonly retries: () => number;
}

/** A trail on a broker of its own, both ended with the test. */
async function openRoad(options: KafkaOptions = {}): Promise<Road> {
  const broker = await startKafka(options);
  onTestFinished(() => broker.stop());
  let retries = 0;
  const sink = new KafkaAuditSink({
    brokers: broker.brokers,
    clientId: "stile-test",
    topic: TOPIC,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    log: silentLog,
    meter: {
      ...silentMeter,
      counter: (name) => ({
        add(count) {
          if (name === "stile_audit_publish_retries_total") retries += count;
        },
      }),
    },
  });
  const audit = openAudit({
    dataDir: temporaryFolder(),
    ack: "journal",
    sink,
    bytesMax: 256 * 1024 * 1024,
    log: silentLog,
    meter: silentMeter,
    clock: { nowMs: () => Date.now() },
  });
  onTestFinished(async () => {
    await audit.close(0);
    await sink.close();
  });
  return { broker, audit, retries: () => retries };
}

function append(audit: Audit, number: number): Promise<Receipt | StileError> {
  return new Promise((resolve) => audit.trail.append(draft(number), "journal", resolve));
}

/** Appends records steadily while `meanwhile` runs. @returns how many. */
async function appendDuring(audit: Audit, meanwhile: () => Promise<void>): Promise<number> {
  const fault = { isOver: false };
  const ended = meanwhile().finally(() => {
    fault.isOver = true;
  });
  let number = 0;
  while (!fault.isOver) {
    for (let burst = 0; burst < 20; burst += 1) {
      number += 1;
      const outcome = await append(audit, number);
      if (outcome instanceof StileError) throw outcome;
    }
    await sleep(5);
  }
  await ended;
  return number;
}

interface OnTopic {
  readonly ids: ReadonlyMap<string, readonly string[]>;
  readonly records: number;
  readonly findings: readonly ChainFinding[];
}

/** Waits for all to be published and reads the topic as a consumer does, by the first of each id. */
async function onTopic({ broker, audit, retries }: Road): Promise<OnTopic> {
  const unshipped = (): number => audit.status().publisher?.unshippedRecords ?? -1;
  await waitFor("all to be published", () => unshipped() === 0, 60_000);
  const messages = await readTopic(broker.brokers, TOPIC);
  const once = withoutRepeats(messages);
  const test = expect.getState().currentTestName;
  const repeated = messages.length - once.length;
  console.log(`${test}: ${once.length} records, ${repeated} repeated, ${retries()} retries`);
  const inOrder = once.toSorted((a, b) => a.sequence - b.sequence);
  const chain = verifyChain(inOrder.map(({ sequence, value }) => ({ sequence, body: value })));
  return { ids: bySubject(once), records: chain.records, findings: chain.findings };
}

/** Nothing lost, nothing moved within a subject, nothing changed. */
function whole(records: number): OnTopic {
  const appended = Array.from({ length: records }, (_, index) => draft(index + 1));
  return { ids: bySubject(appended), records, findings: [] };
}

describe.skipIf(!kafka.present)("the trail on the topic is whole", () => {
  it("when the broker is killed and restarted", async () => {
    const road = await openRoad();
    const { broker, audit } = road;
    await createTopic(broker.brokers, TOPIC);
    const records = await appendDuring(audit, async () => {
      for (let round = 0; round < 2; round += 1) {
        await sleep(1000);
        await broker.kill("SIGKILL");
        await sleep(1500);
        await broker.restart();
      }
      await sleep(1000);
    });
    expect(await onTopic(road)).toEqual(whole(records));
    expect(road.retries()).toBeGreaterThan(0);
  });

  it("when the broker stops for longer than a request may take, again and again", async () => {
    const road = await openRoad();
    const { broker, audit } = road;
    await createTopic(broker.brokers, TOPIC);
    const records = await appendDuring(audit, async () => {
      for (const tries of [1.6, 3.3, 4.7]) {
        await sleep(500 + tries * 37);
        await broker.kill("SIGSTOP");
        await sleep(REQUEST_TIMEOUT_MS * tries);
        await broker.kill("SIGCONT");
      }
      await sleep(1000);
    });
    expect(await onTopic(road)).toEqual(whole(records));
    expect(road.retries()).toBeGreaterThan(0);
  });

  it("when the broker comes after the service", async () => {
    const road = await openRoad({ stopped: true });
    const { broker, audit } = road;
    const records = await appendDuring(audit, async () => {
      await sleep(1500);
      await broker.restart();
      await createTopic(broker.brokers, TOPIC);
      await sleep(500);
    });
    expect(await onTopic(road)).toEqual(whole(records));
    expect(road.retries()).toBeGreaterThan(0);
  });

  it("when the topic is created after the service began", async () => {
    const road = await openRoad();
    const { broker, audit } = road;
    const records = await appendDuring(audit, async () => {
      await sleep(2500);
      expect(audit.status().publisher?.shippedSequence).toBe(0);
      await createTopic(broker.brokers, TOPIC);
      await sleep(500);
    });
    expect(await onTopic(road)).toEqual(whole(records));
    expect(road.retries()).toBeGreaterThan(0);
  });
});
