import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry, AuditSink } from "../../src/core/audit.ts";

/** A sink with the other side in the test's hands. */
export interface SinkUnderTest {
  readonly sink: AuditSink;
  /** What was published, in the order of each subject. */
  published(): Promise<readonly Pick<AuditEntry, "id" | "subject">[]>;
  /** The other side does not answer any more. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/** What every AuditSink keeps, whatever is behind it. */
export function describeAuditSink(name: string, open: () => Promise<SinkUnderTest>): void {
  describe(`AuditSink: ${name}`, () => {
    let under: SinkUnderTest;
    const never = new AbortController().signal;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(async () => {
      await under.comeBack();
      await under.close();
    });

    it("publishes each record once, in the order of its subject", async () => {
      for (const [from, size] of [
        [1, 1],
        [2, 7],
        [9, 400],
        [409, 2],
      ] as const) {
        await under.sink.publish(entries(from, size), never);
      }
      expect(bySubject(await under.published())).toEqual(bySubject(entries(1, 410)));
    });

    it("takes an empty batch", async () => {
      await under.sink.publish([], never);
      expect(await under.published()).toEqual([]);
    });

    it("waits while the other side is away, and then loses nothing", async () => {
      await under.sink.publish(entries(1, 10), never);
      await under.goAway();
      let settled = false;
      const publishing = under.sink.publish(entries(11, 10), never).finally(() => {
        settled = true;
      });
      await pause(3000);
      expect(settled).toBe(false);
      await under.comeBack();
      await publishing;
      await under.sink.publish(entries(21, 10), never);
      expect(bySubject(withoutRepeats(await under.published()))).toEqual(bySubject(entries(1, 30)));
    });

    it("gives up when told to, and publishes other records afterwards", async () => {
      await under.sink.publish(entries(1, 5), never);
      await under.goAway();
      const stop = new AbortController();
      const publishing = under.sink.publish(entries(6, 5), stop.signal);
      setTimeout(() => stop.abort(), 300);
      await expect(publishing).rejects.toThrow(/abort/);
      await under.comeBack();
      await under.sink.publish(entries(11, 5), never);
      // The batch that was given up may have arrived or not.
      const seen = withoutRepeats(await under.published()).filter(
        ({ id }) => !entries(6, 5).some((given) => given.id === id),
      );
      expect(bySubject(seen)).toEqual(bySubject([...entries(1, 5), ...entries(11, 5)]));
    });

    it("does not begin once it is told to stop", async () => {
      const stop = new AbortController();
      stop.abort();
      await expect(under.sink.publish(entries(1, 5), stop.signal)).rejects.toThrow(/abort/);
      expect(await under.published()).toEqual([]);
    });

    it("closes while the other side is away", async () => {
      await under.sink.publish(entries(1, 5), never);
      await under.goAway();
      await under.sink.close();
      await under.comeBack();
      expect(await under.published()).toHaveLength(5);
    });
  });
}

export function entries(from: number, size: number): AuditEntry[] {
  return Array.from({ length: size }, (_, index) => entry(from + index));
}

export function entry(sequence: number, padding = ""): AuditEntry {
  const id = `record-${sequence}`;
  const subject = `user:${sequence % 5}`;
  const body = JSON.stringify({
    id,
    type: "stile.decision.v1",
    subject,
    instance: "i",
    sequence,
    prev: "",
    padding,
  });
  return {
    instance: "i",
    id,
    type: "stile.decision.v1",
    timeMs: 1_795_000_000_000 + sequence,
    subject,
    sequence,
    body: Buffer.from(body),
  };
}

type Published = Pick<AuditEntry, "id" | "subject">;

/** Ids of each subject, in order. */
export function bySubject(published: readonly Published[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { subject, id } of published) {
    const known = ids.get(subject);
    if (known === undefined) ids.set(subject, [id]);
    else known.push(id);
  }
  return ids;
}

/** As a consumer does: the first of each id. */
export function withoutRepeats<Record extends Published>(published: readonly Record[]): Record[] {
  const seen = new Set<string>();
  return published.filter(({ id }) => {
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
