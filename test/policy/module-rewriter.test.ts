import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  rewriteModule,
  rewriteModuleInTurns,
  STEPS_EXPORT,
} from "../../src/policy/module-rewriter.ts";
import { WasmFormatError } from "../../src/policy/wasm-format.ts";
import { nameBytes, signed, unsigned, withLength } from "../../src/policy/wasm-writer.ts";

/** Value types and instructions, by the names of the text format. */
const I32 = 0x7f;
const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const RETURN = 0x0f;
const CALL = 0x10;
const GET = 0x20;
const SET = 0x21;
const MEMORY_GROW = 0x40;
const CONST = 0x41;
const ADD = 0x6a;
const SUB = 0x6b;
const EMPTY = 0x40;

/** Of the test modules' memory, which has one at first; then four steps of 16 MiB. */
const PAGES_MAX = 1_025;

interface TestFunction {
  readonly name: string;
  readonly results?: readonly number[];
  /** How many locals besides the one parameter. */
  readonly locals?: number;
  /** Instructions, in any grouping. */
  readonly code: readonly (number | readonly number[])[];
}

/** A module of functions over one i32. */
function moduleOf(functions: readonly TestFunction[]): Uint8Array {
  const section = (id: number, entries: readonly (readonly number[])[]): Uint8Array[] => [
    Uint8Array.of(id),
    ...withLength([Uint8Array.from([...unsigned(entries.length), ...entries.flat()])]),
  ];
  const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
  const resultsOf = ({ results }: TestFunction): readonly number[] => results ?? [I32];
  return Buffer.concat([
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
    ...section(
      1,
      functions.map((f) => [0x60, 1, I32, ...sized(resultsOf(f))]),
    ),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(5, [[1, 1, ...unsigned(PAGES_MAX)]]),
    ...section(6, [[I32, 0, CONST, ...signed(7), END]]),
    ...section(7, [
      ...functions.map((f, i) => [...nameBytes(f.name), 0, ...unsigned(i)]),
      [...nameBytes("memory"), 2, 0],
    ]),
    ...section(
      10,
      functions.map((f) => {
        const locals = f.locals === undefined ? [0] : [1, f.locals, I32];
        return sized([...locals, ...f.code.flat(), END]);
      }),
    ),
  ]);
}

interface Running {
  readonly memory: WebAssembly.Memory;
  readonly call: (argument: number) => unknown;
  readonly steps: { value: number };
}

function start(bytes: Uint8Array): Running {
  const module = new WebAssembly.Module(new Uint8Array(bytes));
  const { exports } = new WebAssembly.Instance(module, {});
  const steps = exports[STEPS_EXPORT];
  const call = Object.values(exports).find((value) => typeof value === "function");
  const memory = exports["memory"];
  return {
    memory: memory instanceof WebAssembly.Memory ? memory : new WebAssembly.Memory({ initial: 0 }),
    call: (argument) => Reflect.apply(call ?? Object, undefined, [argument]) as unknown,
    steps: steps instanceof WebAssembly.Global ? steps : { value: Number.NaN },
  };
}

/** Counts its argument down to 0, and gives 100 more than the rounds it took. */
const rounds: TestFunction = {
  name: "rounds",
  locals: 1,
  code: [
    [CONST, ...signed(100), SET, 1],
    [BLOCK, EMPTY, LOOP, EMPTY, GET, 0, 0x45, BR_IF, 1],
    [GET, 0, CONST, 1, SUB, SET, 0, GET, 1, CONST, 1, ADD, SET, 1, BR, 0, END, END],
    [GET, 1],
  ],
};

const shapes: readonly (TestFunction & { readonly about: string })[] = [
  { about: "a loop left by its end", ...rounds },
  {
    about: "a return within blocks",
    name: "f",
    code: [
      [BLOCK, EMPTY, LOOP, EMPTY, GET, 0, CONST, 3, 0x48, IF, EMPTY],
      [CONST, ...signed(40), RETURN, ELSE, GET, 0, CONST, 1, SUB, SET, 0, BR, 1, END, END, END],
      [CONST, ...signed(50)],
    ],
  },
  {
    about: "a return at the top, over values left on the stack",
    name: "f",
    code: [CONST, 1, CONST, 2, LOOP, EMPTY, END, GET, 0, RETURN, 0x1a],
  },
  {
    about: "a branch to the function itself",
    name: "f",
    code: [LOOP, EMPTY, GET, 0, CONST, 5, ADD, BR, 1, END, CONST, 9],
  },
  {
    about: "a table of branches, one to the function itself",
    name: "f",
    code: [
      [BLOCK, I32, LOOP, EMPTY, CONST, 7, GET, 0, BR_TABLE, 1, 1, 2, END, 0x00, END],
      [CONST, 1, ADD],
    ],
  },
  {
    about: "no value",
    name: "f",
    results: [],
    code: [LOOP, EMPTY, GET, 0, 0x45, IF, EMPTY, RETURN, END, END],
  },
  {
    about: "two values",
    name: "f",
    results: [I32, I32],
    code: [LOOP, EMPTY, END, GET, 0, CONST, 1],
  },
  {
    about: "a call of itself",
    name: "f",
    code: [
      [GET, 0, 0x45, IF, EMPTY, CONST, 3, RETURN, END],
      [GET, 0, CONST, 1, SUB, CALL, 0, CONST, 2, ADD],
    ],
  },
];

describe("rewriteModule", () => {
  it.each(shapes)("leaves what a function gives as it is: $about", (shape) => {
    const plain = moduleOf([shape]);
    const metered = rewriteModule(plain);
    for (const argument of [0, 1, 2, 3, 17]) {
      expect(start(metered).call(argument)).toEqual(start(plain).call(argument));
    }
  });

  it.each([
    ["a loop, by its rounds", rounds, 5, 6],
    ["a recursion, by its calls", shapes[7] ?? rounds, 5, 6],
    ["code without loops and calls, by nothing", { name: "f", code: [GET, 0] }, 5, 0],
  ])("counts %s", (_, shape, argument, expected) => {
    const { call, steps } = start(rewriteModule(moduleOf([shape])));
    steps.value = 1_000;
    call(argument);
    expect(1_000 - steps.value).toBe(expected);
  });

  it.each([
    ["a loop", rounds],
    [
      "a loop in a function that calls",
      { ...rounds, code: [GET, 0, CALL, 1, 0x1a, ...rounds.code] },
    ],
    ["a recursion", shapes[7] ?? rounds],
  ])("traps %s when its steps are used up, and not before", (_, shape) => {
    const bytes = rewriteModule(moduleOf([shape, { name: "leaf", code: [GET, 0] }]));
    const { call, steps } = start(bytes);
    steps.value = 1_000_000;
    call(50);
    const needed = 1_000_000 - steps.value;
    steps.value = needed;
    call(50);
    expect(steps.value).toBe(0);
    steps.value = needed - 1;
    expect(() => call(50)).toThrow(WebAssembly.RuntimeError);
    expect(steps.value).toBe(-1);
  });

  it("stops an endless loop", () => {
    const { call, steps } = start(
      rewriteModule(moduleOf([{ name: "f", code: [LOOP, EMPTY, BR, 0, END, CONST, 1] }])),
    );
    steps.value = 10_000;
    expect(() => call(0)).toThrow(WebAssembly.RuntimeError);
  });

  it("grows memory to what was asked for, by fewer steps than asked", () => {
    const grow: TestFunction = { name: "grow", code: [GET, 0, MEMORY_GROW, 0] };
    const shape = moduleOf([grow]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 40 }), (asked) => {
        const [plain, rewritten] = [start(shape), start(rewriteModule(shape))];
        // OPA's allocator begins by growing by none, which tells it the size.
        for (const pages of [0, ...asked]) expect(rewritten.call(pages)).toBe(plain.call(pages));
      }),
    );
    const { call, memory } = start(rewriteModule(shape));
    const buffers = new Set<unknown>();
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      expect(call(pages === 0 ? 0 : 1)).toBe(Math.max(1, pages));
      buffers.add(memory.buffer);
    }
    expect(buffers.size).toBeLessThan(8);
    expect(call(1)).toBe(-1);
  });

  it("gives the same bytes when it lets others have their turn", async () => {
    const module = moduleOf(shapes.map((shape, i) => ({ ...shape, name: `f${i}` })));
    expect(await rewriteModuleInTurns(module)).toEqual(rewriteModule(module));
  });

  it("refuses what is no module, and ends on each damaged one", () => {
    const good = moduleOf(shapes.map((shape, i) => ({ ...shape, name: `f${i}` })));
    expect(() => rewriteModule(Buffer.from("no module at all"))).toThrow(WasmFormatError);
    for (let at = 0; at < good.length; at += 1) {
      expect(() => rewriteModule(good.subarray(0, at))).toThrow(WasmFormatError);
      for (const bits of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(good);
        damaged[at] = (damaged[at] ?? 0) ^ bits;
        expect(outcomeOf(() => rewriteModule(damaged))).toMatch(/^(rewritten|WasmFormatError)$/);
      }
    }
  });
});

function outcomeOf(action: () => unknown): string {
  try {
    action();
    return "rewritten";
  } catch (thrown) {
    return thrown instanceof Error ? thrown.name : String(thrown);
  }
}
