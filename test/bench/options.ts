import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Fail where a figure is beyond its budget. */
  readonly check: boolean;
  /** Write CPU profiles of the Stile servers. */
  readonly profile: boolean;
  /** Write the tables of the run into `docs/benchmarks.md`. */
  readonly page: boolean;
  /** Only contestants of these names, of every build; empty for all. */
  readonly only: readonly string[];
  /** Other builds of Stile to measure in the same run: label → path of `cli/main.js`. */
  readonly also: ReadonlyMap<string, string>;
  readonly rounds: number;
  readonly roundMs: number;
  /** Of each contestant, before the rounds. */
  readonly warmingMs: number;
  readonly starts: number;
  /** Entities of the measurement of the feature state; 0 leaves it out. */
  readonly featureEntities: number;
}

export const USAGE = `npm run bench -- [options]

  --quick               a short run: less sure, the same figures
  --check               fail where a figure is beyond test/bench/budget.json
  --only <name>         only this contestant, such as Decide; may be given again
  --also <label>=<path> also measure another build's cli/main.js; may be given again
  --page                write the tables into docs/benchmarks.md
  --profile             write CPU profiles of the servers to .tools/bench/profiles
  --rounds <count>      rounds of each load (7; quick 3)
  --round-ms <ms>       length of a round (2000; quick 1000)
`;

/** @throws TypeError for words that are no options. */
export function readOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      page: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      also: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      "round-ms": { type: "string" },
    },
  });
  const { quick, only } = values;
  return {
    check: values.check,
    profile: values.profile,
    page: values.page,
    only,
    also: new Map(values.also.map(readAlso)),
    rounds: readCount("--rounds", values.rounds, quick ? 3 : 7),
    roundMs: readCount("--round-ms", values["round-ms"], quick ? 1_000 : 2_000),
    // The policy's code still gets faster after some seconds of decisions.
    warmingMs: quick ? 3_000 : 8_000,
    starts: quick ? 3 : 5,
    featureEntities: only.length > 0 ? 0 : quick ? 100_000 : 1_000_000,
  };
}

function readAlso(word: string): readonly [string, string] {
  const at = word.indexOf("=");
  if (at < 1) throw new TypeError(`--also is "${word}", expected label=path of a cli/main.js`);
  return [word.slice(0, at), word.slice(at + 1)];
}

function readCount(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new TypeError(`${name} is "${text}", expected a whole number above 0`);
}
