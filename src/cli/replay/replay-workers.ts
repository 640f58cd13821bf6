import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { SourceRecord } from "../../core/audit.ts";
import { asStileError } from "../../core/errors.ts";
import type { ReplayFilter } from "./replay-record.ts";
import { addTally, newTally, type ReplayTally } from "./replay-tally.ts";

/** What a worker is started with. */
export interface WorkerOptions {
  readonly bundle: string;
  readonly filter: ReplayFilter;
}

export type ReplayTask =
  /** Bodies one after the other, with where each ends. */
  | { readonly kind: "batch"; readonly bytes: Uint8Array; readonly ends: readonly number[] }
  | { readonly kind: "end" };

type Reply =
  | { readonly kind: "ready"; readonly digest: string; readonly revision: string }
  | { readonly kind: "taken"; readonly records: number }
  | { readonly kind: "tally"; readonly tally: ReplayTally };

/** A whole replay. */
export interface Replayed {
  readonly tally: ReplayTally;
  /** Of the bundle that decided now. */
  readonly digest: string;
  readonly revision: string;
}

/** Batches that one worker may have waiting, so that it never waits for the reader. */
const BATCHES_AHEAD = 3;

/**
 * Decides records again in worker threads, each with an engine of its own.
 *
 * @param onTaken told as records are done.
 * @throws StileError `bundle_invalid` when the bundle does not open.
 */
export async function replayAll(
  batches: AsyncIterable<readonly SourceRecord[]>,
  options: WorkerOptions & { readonly workers: number },
  onTaken: (records: number) => void,
): Promise<Replayed> {
  const { bundle, filter } = options;
  const crews = Array.from(
    { length: options.workers },
    () => new Crew({ bundle, filter }, onTaken),
  );
  try {
    const [first] = await Promise.all(crews.map((crew) => crew.ready));
    for await (const batch of batches) {
      const crew = crews.reduce((least, one) => (one.waiting < least.waiting ? one : least));
      await crew.hasRoom();
      crew.give(batch);
    }
    const tally = newTally();
    for (const part of await Promise.all(crews.map((crew) => crew.end()))) addTally(tally, part);
    return { tally, digest: first?.digest ?? "", revision: first?.revision ?? "" };
  } catch (thrown) {
    throw asStileError(thrown, "bundle_invalid", `replay with ${bundle}`);
  } finally {
    await Promise.all(crews.map((crew) => crew.stop()));
  }
}

/** A worker, and what it was given. */
class Crew {
  readonly #worker: Worker;
  readonly ready: Promise<{ readonly digest: string; readonly revision: string }>;
  readonly #tally: Promise<ReplayTally>;
  readonly #failed: Promise<never>;
  #wake: () => void = () => undefined;
  waiting = 0;

  constructor(options: WorkerOptions, onTaken: (records: number) => void) {
    const file = `./replay-worker${extname(import.meta.filename)}`;
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: options });
    this.#failed = new Promise((_, reject) => {
      this.#worker.once("error", reject);
    });
    this.#failed.catch(() => undefined);
    let tellReady: (bundle: { digest: string; revision: string }) => void = () => undefined;
    let tellTally: (tally: ReplayTally) => void = () => undefined;
    const ready = new Promise<{ digest: string; revision: string }>((resolve) => {
      tellReady = resolve;
    });
    const tally = new Promise<ReplayTally>((resolve) => {
      tellTally = resolve;
    });
    this.ready = Promise.race([ready, this.#failed]);
    this.#tally = Promise.race([tally, this.#failed]);
    this.#tally.catch(() => undefined);
    this.#worker.on("message", (reply: Reply) => {
      if (reply.kind === "ready") tellReady(reply);
      else if (reply.kind === "tally") tellTally(reply.tally);
      else {
        this.waiting -= 1;
        onTaken(reply.records);
        this.#wake();
      }
    });
  }

  async hasRoom(): Promise<void> {
    while (this.waiting >= BATCHES_AHEAD) {
      const room = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([room, this.#failed]);
    }
  }

  give(batch: readonly SourceRecord[]): void {
    // A copy in memory of its own, which then moves to the worker.
    const length = batch.reduce((sum, { body }) => sum + body.length, 0);
    const bytes = new Uint8Array(length);
    const ends: number[] = [];
    let at = 0;
    for (const { body } of batch) {
      bytes.set(body, at);
      at += body.length;
      ends.push(at);
    }
    this.waiting += 1;
    this.#post({ kind: "batch", bytes, ends }, [bytes.buffer]);
  }

  end(): Promise<ReplayTally> {
    this.#post({ kind: "end" }, []);
    return this.#tally;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #post(task: ReplayTask, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(task, [...transfer]);
  }
}
