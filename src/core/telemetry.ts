/** Values of a log event. Secrets never enter. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Structured log: a stable event name, the values as fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface Counter {
  add(count: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/**
 * Makes metric handles. A handle is made once, at start, with its labels fixed; the hot path
 * only calls it. Names follow Prometheus: unit last, counters end in `_total`.
 */
export interface Meter {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>): Gauge;
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: Readonly<Record<string, string>>,
  ): Histogram;
}

const nothing = (): void => undefined;

/** A log that keeps nothing, for parts used without one. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A meter that measures nothing. */
export const silentMeter: Meter = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing }),
  histogram: () => ({ observe: nothing }),
};
