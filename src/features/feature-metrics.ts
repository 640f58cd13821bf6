import type { Counter, Gauge, Meter } from "../core/telemetry.ts";

export interface FeatureMetrics {
  readonly entities: Gauge;
  readonly besideBytes: Gauge;
  readonly updates: Counter;
  readonly superseded: Counter;
  readonly leftOut: Counter;
  readonly signals: Counter;
  readonly duplicates: Counter;
  readonly evicted: Counter;
  readonly expired: Counter;
  readonly saturated: Counter;
  readonly late: Counter;
  readonly crowded: Counter;
}

export function createFeatureMetrics(meter: Meter): FeatureMetrics {
  return {
    entities: meter.gauge("stile_feature_entities", "Entities with feature values."),
    besideBytes: meter.gauge(
      "stile_feature_beside_bytes",
      "Heap of strings, lists and windows of features, about.",
    ),
    updates: meter.counter("stile_feature_updates_total", "Feature values taken."),
    superseded: meter.counter(
      "stile_feature_updates_superseded_total",
      "Feature values taken and not kept, as a newer one was there.",
    ),
    leftOut: meter.counter(
      "stile_feature_updates_left_out_total",
      "Feature values of the topic that were malformed, undeclared or too old.",
    ),
    signals: meter.counter("stile_signals_total", "Signals taken."),
    duplicates: meter.counter("stile_signals_duplicate_total", "Signals seen before."),
    evicted: meter.counter(
      "stile_feature_entities_evicted_total",
      "Entities that made room for others.",
    ),
    expired: meter.counter(
      "stile_feature_entities_expired_total",
      "Entities whose values were all older than the retention.",
    ),
    saturated: meter.counter(
      "stile_feature_counts_saturated_total",
      "Signals beyond the most that one count can hold.",
    ),
    late: meter.counter(
      "stile_feature_openings_late_total",
      "Openings left out, as they are older than closings already forgotten.",
    ),
    crowded: meter.counter(
      "stile_feature_open_values_dropped_total",
      "Values dropped from a set of open values that was full.",
    ),
  };
}
