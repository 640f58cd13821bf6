import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { overBudget, readBudget } from "./budget.ts";
import { type Figure, figuresOf } from "./figures.ts";
import type { Round } from "./rounds.ts";
import { latencyOf, spreadOf } from "./statistics.ts";

function roundWith(cpuUs: number): Round {
  return {
    decisions: 1,
    perS: 1,
    cpuUs,
    serverCores: 0,
    otherCores: 0,
    loaderCores: 0,
    latency: { p50: 1, p99: 2, p999: 4 },
    rssMb: 100,
    peakMb: 100,
    lateP99Ms: 0,
    faultCount: 0,
    faults: [],
  };
}

function figure(id: string, median: number): Figure {
  return { id, what: id, unit: "×", spread: { median, least: median, most: median } };
}

describe("figures", () => {
  it("compare rounds that were run beside each other", () => {
    const busy = new Map([
      ["echo", [100, 300, 200].map(roundWith)],
      ["Decide", [150, 600, 320].map(roundWith)],
    ]);
    const none = new Map<string, readonly Round[]>();
    const [first] = figuresOf({ busy, few: none, fixed: none, startsMs: [] }, "");
    expect(first).toMatchObject({
      id: "unary_cpu_to_echo",
      spread: { median: 1.6, least: 1.5, most: 2 },
    });
  });

  it("leave out what was not measured", () => {
    const none = new Map<string, readonly Round[]>();
    expect(figuresOf({ busy: none, few: none, fixed: none, startsMs: [] }, "")).toEqual([]);
  });

  it("take the smallest value that so many do not exceed", () => {
    const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
    expect(latencyOf(values)).toEqual({ p50: 500, p99: 990, p999: 999 });
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, least: 1, most: 4 });
  });
});

describe("the budget", () => {
  it("is kept up to its limit, and not when a figure is missing", () => {
    const budget = new Map([
      ["a", 2],
      ["b", 2],
      ["c", 2],
    ]);
    expect(overBudget([figure("a", 2), figure("b", 2.01)], budget)).toEqual([
      "b is 2.01 ×, its budget 2",
      "c was not measured; its budget is 2",
    ]);
  });

  it("names figures that there are", () => {
    const round = [roundWith(1)];
    const names = [
      "echo",
      "echo stream",
      "echo batch",
      "evaluation",
      "OPA REST",
      "Decide",
      "DecideStream",
      "DecideBatch",
    ];
    const all = new Map(names.map((name) => [name, round]));
    const figures = figuresOf({ busy: all, few: all, fixed: all, startsMs: [1] }, "");
    const ids = figures.map(({ id }) => id);
    const budget = readBudget(join(import.meta.dirname, "budget.json"));
    expect([...budget.keys()].filter((id) => !ids.includes(id))).toEqual([]);
  });
});
