import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { describeError } from "../core/errors.ts";
import type { FeatureUpdate } from "../core/features.ts";
import type { Counter, Gauge, Log, Meter } from "../core/telemetry.ts";
import { updateFromMessage } from "./feature-message.ts";
import { createKafkaClient, type KafkaConnection } from "./kafka-client.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";

export interface FeatureSourceOptions extends KafkaConnection {
  /** Compacted. */
  readonly topic: string;
  /**
   * Called in the order of each partition, never twice with a message that was taken. It takes all
   * or throws, and is then asked once more for each; what it throws at is set aside.
   */
  readonly onUpdates: (updates: readonly FeatureUpdate[]) => void;
  /** Next offset of each partition, where what came before is known already. */
  readonly from?: ReadonlyMap<number, string>;
  readonly log: Log;
  readonly meter: Meter;
}

/** A message that was set aside, for the operator. */
export interface MalformedFeature {
  readonly partition: number;
  readonly offset: string;
  readonly wrong: string;
}

/** Follows the features topic. */
export interface FeatureSource {
  /** Resolves once everything that was on the topic when it was first reached has been handed on. */
  readonly caughtUp: Promise<void>;
  /** Messages on the topic that were not handed on yet, as far as is known. */
  lag(): number;
  /** Next offset of each partition. */
  positions(): ReadonlyMap<number, string>;
  /** The last 16 messages set aside. */
  malformed(): readonly MalformedFeature[];
  close(): Promise<void>;
}

const RETRY_FIRST_MS = 200;
const RETRY_MOST_MS = 5000;
const MALFORMED_KEPT = 16;
/** How often the ends of the topic are compared with what was handed on. */
const STALL_MS = 10_000;

/**
 * Follows the features topic from its beginning, on every replica by itself: the consumer group
 * is unique and commits nothing. A consumer that fails is replaced by a new one, which goes on
 * where the old one was, for as long as it takes.
 */
export function followFeatures(options: FeatureSourceOptions): FeatureSource {
  const source = new KafkaFeatureSource(options);
  source.start();
  return source;
}

interface Progress {
  next: bigint;
  /** The partition's end when last heard of. */
  high: bigint;
}

interface OffsetUpdate {
  readonly offset: string;
  readonly update: FeatureUpdate;
}

class KafkaFeatureSource implements FeatureSource {
  readonly #options: FeatureSourceOptions;
  readonly #kafka: Kafka;
  readonly #log: RateLimitedLog;
  readonly #partitions = new Map<number, Progress>();
  readonly #malformed: MalformedFeature[] = [];
  readonly #stop = new AbortController();
  /** Ends of the partitions when the topic was first reached; undefined before. */
  #goal: ReadonlyMap<number, bigint> | undefined;
  readonly caughtUp: Promise<void>;
  #tellCaughtUp: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #updates: Counter;
  readonly #setAside: Counter;
  readonly #lag: Gauge;

  constructor(options: FeatureSourceOptions) {
    const { log, meter, from = new Map<number, string>() } = options;
    this.#options = options;
    this.#kafka = createKafkaClient(options, log);
    this.#log = new RateLimitedLog(log);
    for (const [partition, offset] of from) {
      this.#partitions.set(partition, { next: BigInt(offset), high: BigInt(offset) });
    }
    this.caughtUp = new Promise((resolve) => {
      this.#tellCaughtUp = resolve;
    });
    this.#updates = meter.counter(
      "stile_feature_updates_total",
      "Feature values read from the features topic.",
    );
    this.#setAside = meter.counter(
      "stile_feature_malformed_total",
      "Messages of the features topic that are no feature value.",
    );
    this.#lag = meter.gauge(
      "stile_feature_lag_messages",
      "Messages on the features topic that were not read yet.",
    );
  }

  start(): void {
    this.#running = this.#run();
  }

  lag(): number {
    let lag = 0n;
    for (const { next, high } of this.#partitions.values()) if (high > next) lag += high - next;
    return Number(lag);
  }

  positions(): ReadonlyMap<number, string> {
    return new Map([...this.#partitions].map(([partition, { next }]) => [partition, String(next)]));
  }

  malformed(): readonly MalformedFeature[] {
    return [...this.#malformed];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_FIRST_MS;
    while (!this.#stop.signal.aborted) {
      const before = this.positions();
      try {
        this.#goal ??= await this.#readGoal();
        this.#checkCaughtUp();
        await this.#consume();
      } catch (thrown) {
        this.#log.warn("feature_topic_unreachable", {
          topic: this.#options.topic,
          error: describeError(thrown),
        });
      }
      const moved = [...this.positions()].some(([at, next]) => before.get(at) !== next);
      retryMs = moved ? RETRY_FIRST_MS : Math.min(retryMs * 2, RETRY_MOST_MS);
      await this.#pause(retryMs);
    }
  }

  async #readGoal(): Promise<ReadonlyMap<number, bigint>> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const goal = new Map<number, bigint>();
      for (const { partition, low, high } of await admin.fetchTopicOffsets(this.#options.topic)) {
        const progress = this.#progressOf(partition);
        progress.high = BigInt(high);
        // What was compacted or deleted away is not waited for.
        if (progress.next < BigInt(low)) progress.next = BigInt(low);
        goal.set(partition, BigInt(high));
      }
      return goal;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Runs one consumer until it fails or the source is closed. */
  async #consume(): Promise<void> {
    const { topic } = this.#options;
    const consumer = this.#kafka.consumer({
      groupId: `stile-features-${randomUUID()}`,
      allowAutoTopicCreation: false,
      // A seek and a disconnect take effect only after the fetch that is under way.
      maxWaitTimeInMs: 100,
      metadataMaxAge: 30_000,
      // We replace a consumer ourselves, so that there is one way in which it comes back.
      retry: { retries: 2, restartOnFailure: () => Promise.resolve(false) },
    });
    const over = new AbortController();
    try {
      const crashed = crashOf(consumer);
      // Whoever waits for it does so below; it may come before.
      crashed.catch(() => undefined);
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: true,
        eachBatch: (payload) => this.#take(payload),
      });
      for (const [partition, { next }] of this.#partitions) {
        if (next > 0n) consumer.seek({ topic, partition, offset: String(next) });
      }
      const stalled = this.#untilStalled(over.signal);
      // As above: it may come after somebody else has won.
      stalled.catch(() => undefined);
      await Promise.race([crashed, stalled, abortOf(this.#stop.signal, over.signal)]);
    } finally {
      over.abort();
      await consumer.disconnect().catch(() => undefined);
    }
  }

  /**
   * A consumer that joined while the topic's partitions had no leader yet is given none of them,
   * and stays without. So the ends are looked at besides.
   *
   * @throws Error when a partition has had messages for a whole pause and none was handed on.
   */
  async #untilStalled(over: AbortSignal): Promise<void> {
    const either = AbortSignal.any([over, this.#stop.signal]);
    let behind = new Map<number, bigint>();
    while (!either.aborted) {
      await sleep(STALL_MS, undefined, { signal: either }).catch(() => undefined);
      if (either.aborted) return;
      for (const [partition, next] of behind) {
        if (this.#progressOf(partition).next !== next) continue;
        throw new Error(`partition ${partition} has messages, and none came in ${STALL_MS} ms`);
      }
      // Without brokers there is nothing to compare; the consumer then fails by itself.
      const ends = await this.#readEnds().catch(() => new Map<number, bigint>());
      behind = new Map();
      for (const [partition, end] of ends) {
        const progress = this.#progressOf(partition);
        progress.high = end;
        if (progress.next < end) behind.set(partition, progress.next);
      }
    }
  }

  async #readEnds(): Promise<Map<number, bigint>> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(this.#options.topic);
      return new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  /** Hands on what is new in a batch. Before a seek takes effect, old messages come once more. */
  async #take({ batch }: EachBatchPayload): Promise<void> {
    const { partition } = batch;
    const progress = this.#progressOf(partition);
    const updates: OffsetUpdate[] = [];
    for (const message of batch.messages) {
      const { offset } = message;
      if (BigInt(offset) < progress.next) continue;
      const update = updateFromMessage(message);
      if ("wrong" in update) this.#putAside({ partition, offset, wrong: update.wrong });
      else updates.push({ offset, update });
    }
    this.#handOn(partition, updates);
    const next = BigInt(batch.lastOffset()) + 1n;
    if (next > progress.next) progress.next = next;
    progress.high = BigInt(batch.highWatermark);
    this.#lag.set(this.lag());
    this.#checkCaughtUp();
    await Promise.resolve();
  }

  #handOn(partition: number, updates: readonly OffsetUpdate[]): void {
    if (updates.length === 0) return;
    const { onUpdates } = this.#options;
    try {
      onUpdates(updates.map(({ update }) => update));
      this.#updates.add(updates.length);
      return;
    } catch {
      // One of them is at fault; the others must not suffer.
    }
    for (const { offset, update } of updates) {
      try {
        onUpdates([update]);
        this.#updates.add(1);
      } catch (thrown) {
        this.#putAside({ partition, offset, wrong: describeError(thrown) });
      }
    }
  }

  #checkCaughtUp(): void {
    if (this.#goal === undefined) return;
    for (const [partition, high] of this.#goal) {
      if (this.#progressOf(partition).next < high) return;
    }
    this.#tellCaughtUp();
  }

  #putAside(malformed: MalformedFeature): void {
    this.#setAside.add(1);
    this.#malformed.push(malformed);
    if (this.#malformed.length > MALFORMED_KEPT) this.#malformed.shift();
    this.#log.warn("feature_malformed", { ...malformed, topic: this.#options.topic });
  }

  #progressOf(partition: number): Progress {
    let progress = this.#partitions.get(partition);
    if (progress === undefined) {
      progress = { next: 0n, high: 0n };
      this.#partitions.set(partition, progress);
    }
    return progress;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** Rejects when the consumer has failed for good. */
function crashOf(consumer: Consumer): Promise<never> {
  return new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
}

/** @param over ends the listening. */
function abortOf(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true, signal: over });
  });
}
