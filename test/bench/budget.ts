import { readFileSync } from "node:fs";
import { isJsonObject } from "../../src/core/json.ts";
import type { Figure } from "./figures.ts";

/** The most that a figure's median may be, by its id. */
export type Budget = ReadonlyMap<string, number>;

/** @throws TypeError when the file is not a JSON object of numbers. */
export function readBudget(path: string): Budget {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!isJsonObject(value)) throw new TypeError(`${path} holds no JSON object`);
  return new Map(
    Object.entries(value).map(([id, most]) => {
      if (typeof most === "number") return [id, most];
      throw new TypeError(`${id} in ${path} is no number`);
    }),
  );
}

/** @returns a line for each budget that is not kept, or whose figure was not measured. */
export function overBudget(figures: readonly Figure[], budget: Budget): readonly string[] {
  return [...budget].flatMap(([id, most]) => {
    const figure = figures.find((one) => one.id === id);
    if (figure === undefined) return [`${id} was not measured; its budget is ${most}`];
    const { median } = figure.spread;
    if (median <= most) return [];
    return [`${id} is ${median.toPrecision(3)} ${figure.unit}, its budget ${most}`];
  });
}
