import { type Latency, latencyOf } from "./statistics.ts";

/** Whatever answers calls. */
export interface Target {
  /**
   * Begins the next call.
   *
   * @param done called once, later: with what was wrong, or undefined when every answer was right.
   */
  call(done: (fault: string | undefined) => void): void;
}

/** How a target is loaded. */
export type Load =
  /** So many callers, each of which calls again once it is answered. */
  | { readonly kind: "closed"; readonly callers: number; readonly durationMs: number }
  /** Calls at fixed instants, whether or not earlier ones were answered. */
  | { readonly kind: "fixed"; readonly callsPerS: number; readonly durationMs: number };

/** What a load found. */
export interface LoadResult {
  readonly calls: number;
  readonly elapsedMs: number;
  /** Of a call, ms. At a fixed rate from the instant when it was due, sent or not. */
  readonly latency: Latency;
  readonly faults: readonly string[];
  readonly faultCount: number;
  /** At a fixed rate: how late calls were sent, ms at the 99th percentile. */
  readonly lateP99Ms: number;
}

/** Calls under way beyond which a fixed rate is given up. */
const IN_FLIGHT_MAX = 20_000;
const FAULTS_KEPT = 5;
/** For the last answers, after no more calls are made. */
const DRAIN_MS = 15_000;

/** Loads a target. @throws Error when answers stay out, or a fixed rate cannot be kept. */
export function runLoad(target: Target, load: Load): Promise<LoadResult> {
  return load.kind === "closed" ? closedLoop(target, load) : fixedRate(target, load);
}

function closedLoop(
  target: Target,
  { callers, durationMs }: Extract<Load, { kind: "closed" }>,
): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const tally = new Tally();
    let underWay = callers;
    const giveUp = setTimeout(() => {
      reject(new Error(`${underWay} calls have no answer`));
    }, durationMs + DRAIN_MS);
    const again = (): void => {
      const sentAt = performance.now();
      if (sentAt - tally.startedAt < durationMs) {
        target.call((fault) => {
          tally.add(sentAt, fault);
          again();
        });
        return;
      }
      underWay -= 1;
      if (underWay > 0) return;
      clearTimeout(giveUp);
      resolve(tally.result());
    };
    for (let caller = 0; caller < callers; caller += 1) again();
  });
}

function fixedRate(
  target: Target,
  { callsPerS, durationMs }: Extract<Load, { kind: "fixed" }>,
): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const tally = new Tally();
    const apartMs = 1000 / callsPerS;
    const total = Math.floor(durationMs / apartMs);
    let sent = 0;
    const giveUp = setTimeout(() => {
      reject(new Error(`${sent - tally.calls} of ${total} calls have no answer`));
    }, durationMs + DRAIN_MS);
    // Turns round without rest: a timer would be up to 1 ms late, more than an answer takes.
    const sendDue = (): void => {
      const now = performance.now();
      while (sent < total && tally.startedAt + sent * apartMs <= now) {
        const dueAt = tally.startedAt + sent * apartMs;
        sent += 1;
        tally.late(now - dueAt);
        target.call((fault) => {
          tally.add(dueAt, fault);
          if (tally.calls < total) return;
          clearTimeout(giveUp);
          resolve(tally.result());
        });
      }
      if (sent - tally.calls > IN_FLIGHT_MAX) {
        clearTimeout(giveUp);
        reject(new Error(`${callsPerS.toFixed(0)} calls a second are more than it can answer`));
      } else if (sent < total) {
        setImmediate(sendDue);
      }
    };
    sendDue();
  });
}

/** Counts the answers of one load. */
class Tally {
  readonly startedAt = performance.now();
  readonly #latenciesMs: number[] = [];
  readonly #lateMs: number[] = [];
  readonly #faults: string[] = [];
  #faultCount = 0;

  get calls(): number {
    return this.#latenciesMs.length;
  }

  add(sinceMs: number, fault: string | undefined): void {
    this.#latenciesMs.push(performance.now() - sinceMs);
    if (fault === undefined) return;
    this.#faultCount += 1;
    if (this.#faults.length < FAULTS_KEPT) this.#faults.push(fault);
  }

  late(ms: number): void {
    this.#lateMs.push(ms);
  }

  result(): LoadResult {
    return {
      calls: this.calls,
      elapsedMs: performance.now() - this.startedAt,
      latency: latencyOf(this.#latenciesMs),
      faults: this.#faults,
      faultCount: this.#faultCount,
      lateP99Ms: this.#lateMs.length === 0 ? 0 : latencyOf(this.#lateMs).p99,
    };
  }
}
