import { once } from "node:events";
import type { AuditEntry, AuditSink } from "../../src/core/audit.ts";

/** A topic in memory that can be away, and counts who publishes at once. */
export class MemorySink implements AuditSink {
  readonly topic: AuditEntry[] = [];
  readonly batches: number[] = [];
  /** While true, batches wait. */
  away = false;
  /** So many calls fail, as a sink should not, before the next one works. */
  failures = 0;
  publishing = 0;
  publishingMost = 0;
  #back: () => void = () => undefined;

  comeBack(): void {
    this.away = false;
    this.#back();
  }

  async publish(batch: readonly AuditEntry[], signal: AbortSignal): Promise<void> {
    this.publishing += 1;
    this.publishingMost = Math.max(this.publishingMost, this.publishing);
    try {
      signal.throwIfAborted();
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error("a fault of the sink");
      }
      while (this.away) {
        const back = new Promise<void>((resolve) => {
          this.#back = resolve;
        });
        await Promise.race([back, once(signal, "abort")]);
        signal.throwIfAborted();
      }
      await Promise.resolve();
      this.topic.push(...batch);
      this.batches.push(batch.length);
    } finally {
      this.publishing -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
