import { POLICY_FAULTS, type PolicyFault } from "../core/policy.ts";
import type { Meter } from "../core/telemetry.ts";

/** Metric handles of the decision path, made once. */
export function createDecisionMetrics(meter: Meter) {
  const help = "Decisions given, by outcome.";
  const outcomes = {
    allow: meter.counter("stile_decisions_total", help, { outcome: "allow" }),
    deny: meter.counter("stile_decisions_total", help, { outcome: "deny" }),
    step_up: meter.counter("stile_decisions_total", help, { outcome: "step_up" }),
  };
  const faults = new Map(
    POLICY_FAULTS.map((fault) => [
      fault,
      meter.counter("stile_policy_faults_total", "Evaluations without a verdict, by fault.", {
        fault,
      }),
    ]),
  );
  const evaluation = meter.histogram(
    "stile_evaluation_seconds",
    "Time of one policy evaluation.",
    [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1],
  );
  return {
    decided: (kind: keyof typeof outcomes): void => outcomes[kind].add(1),
    evaluated: (seconds: number): void => evaluation.observe(seconds),
    fault: (fault: PolicyFault): void => faults.get(fault)?.add(1),
  };
}
