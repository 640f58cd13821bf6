import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Meter } from "../core/telemetry.ts";

type Labels = Readonly<Record<string, string>>;

export interface PrometheusMeter {
  readonly meter: Meter;
  /** Media type of `text()`. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
}

/** A meter whose metrics Prometheus can scrape, with those of the process itself. */
export function createPrometheusMeter(): PrometheusMeter {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const shared = (name: string, help: string, labels: Labels) => ({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
  });
  const meter: Meter = {
    counter(name, help, labels = {}) {
      const counter = counters.get(name) ?? new Counter(shared(name, help, labels));
      counters.set(name, counter);
      const handle = counter.labels({ ...labels });
      return { add: (count) => handle.inc(count) };
    },
    gauge(name, help, labels = {}) {
      const gauge = gauges.get(name) ?? new Gauge(shared(name, help, labels));
      gauges.set(name, gauge);
      const handle = gauge.labels({ ...labels });
      return { set: (value) => handle.set(value) };
    },
    histogram(name, help, buckets, labels = {}) {
      const histogram =
        histograms.get(name) ??
        new Histogram({ ...shared(name, help, labels), buckets: [...buckets] });
      histograms.set(name, histogram);
      const handle = histogram.labels({ ...labels });
      return { observe: (value) => handle.observe(value) };
    },
  };
  return { meter, contentType: registry.contentType, text: () => registry.metrics() };
}
