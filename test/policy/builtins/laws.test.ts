import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BuiltinEnv, BuiltinError } from "../../../src/policy/builtins/builtin.ts";
import { builtins } from "../../../src/policy/builtins/index.ts";
import { isArray, parseTerm, type Term, termText } from "../../../src/policy/terms.ts";
import { env } from "./env.ts";

function call(
  name: string,
  args: readonly Term[],
  changes: Partial<BuiltinEnv> = {},
): Term | undefined {
  const run = builtins.get(name);
  if (run === undefined) throw new TypeError(`${name} is not served`);
  return run(args, env(changes));
}

/** @throws whatever a builtin throws that is no BuiltinError. */
function answerOrRefusal(name: string, args: readonly Term[]): Term | undefined {
  try {
    return call(name, args);
  } catch (error) {
    if (error instanceof BuiltinError) return undefined;
    throw error;
  }
}

const texts = fc.string({ unit: "grapheme" });

describe("what is encoded decodes to itself", () => {
  it.each([
    ["hex.encode", "hex.decode"],
    ["urlquery.encode", "urlquery.decode"],
    ["yaml.marshal", "yaml.unmarshal"],
  ])("by %s and %s", (encode, decode) => {
    fc.assert(
      fc.property(texts, (text) => {
        const encoded = call(encode, [text]);
        if (encoded === undefined) throw new TypeError("not encoded");
        expect(call(decode, [encoded])).toBe(text);
      }),
    );
  });

  it("by io.jwt.encode_sign and io.jwt.decode_verify", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const payload = parseTerm(`{"text": ${termText(text)}}`);
        const key = parseTerm('{"kty": "oct", "k": "c2Vrcml0"}');
        const token = call("io.jwt.encode_sign", [parseTerm('{"alg": "HS256"}'), payload, key]);
        if (token === undefined) throw new TypeError("not signed");
        const verified = call("io.jwt.decode_verify", [token, parseTerm('{"secret": "sekrit"}')]);
        expect(verified !== undefined && isArray(verified) && verified[0]).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("by time.format and time.parse_rfc3339_ns", () => {
    const instants = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(instants, (ns) => {
        const text = call("time.format", [parseTerm(String(ns))]) ?? null;
        const read = call("time.parse_rfc3339_ns", [text]);
        expect(read === undefined ? undefined : termText(read)).toBe(String(ns));
      }),
    );
  });
});

describe("random values", () => {
  it.each([
    ["rand.intn", ["key", 1_000_000]],
    ["uuid.rfc4122", ["key"]],
  ])("of %s replay from the seed, and differ by seed and key", (name, args) => {
    const first = call(name, args, { seed: "a" });
    expect(call(name, args, { seed: "a" })).toEqual(first);
    expect(call(name, args, { seed: "b" })).not.toEqual(first);
    expect(call(name, ["other", ...args.slice(1)], { seed: "a" })).not.toEqual(first);
  });

  it("are identifiers of version 4", () => {
    expect(call("uuid.rfc4122", ["x"])).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it("stay below their bound", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 100 }), (key, bound) => {
        expect(call("rand.intn", [key, bound])).toBeLessThan(bound);
        expect(call("rand.intn", [key, -bound])).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("the clock", () => {
  it("stands still at the evaluation's instant, to the nanosecond", () => {
    const now = call("time.now_ns", [], { nowNs: "1763990000000000001" });
    expect(now === undefined ? "" : termText(now)).toBe("1763990000000000001");
  });
});

describe("a builtin given anything at all", () => {
  const anything = fc.oneof(
    fc.constantFrom("null", "true", "-1", "1e400", "{1}", "set()", "{}", "[[]]", '{"a": {1: 2}}'),
    fc.json({ maxDepth: 2 }),
  );
  const names = [...builtins.keys()];

  it("gives a value, nothing, or a BuiltinError, and no other error", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(anything, { maxLength: 4 }), (name, args) => {
        expect(() => answerOrRefusal(name, args.map(parseTerm))).not.toThrow();
      }),
      { numRuns: 4_000 },
    );
  });
});

describe("a builtin's cost is bounded", () => {
  it.each([
    ["numbers.range_step", "[0, 1000000000, 1]"],
    ["net.cidr_expand", '["0.0.0.0/0"]'],
    ["sprintf", '["%1000000d%1000000d%1000000d%1000000d%1000000d", [1, 1, 1, 1, 1]]'],
    ["regex.find_n", `["${"a".repeat(10_001)}", "a", 1]`],
    ["regex.replace", `["${"a".repeat(40_000)}", "(?:a*b|a)", "x"]`],
    ["strings.render_template", '["{{range 1000000000}}x{{end}}", {}]'],
    [
      "strings.render_template",
      '["{{define \\"a\\"}}{{template \\"a\\"}}{{end}}{{template \\"a\\"}}", {}]',
    ],
    ["json.match_schema", '[{}, {"$ref": "#"}]'],
    ["units.parse", '["1e999999"]'],
    ["yaml.unmarshal", `[${JSON.stringify(aliasBomb())}]`],
    ["graphql.parse_query", `["{${" a".repeat(20_000)}}"]`],
  ])("%s refuses what would take too much", (name, args) => {
    const terms = parseTerm(args);
    if (!isArray(terms)) throw new TypeError("arguments must be an array");
    expect(() => call(name, terms)).toThrow(BuiltinError);
  });

  it("graph.reachable_paths refuses a graph with too many paths", () => {
    const nodes = Array.from({ length: 25 }, (_, at) => at);
    const edges = nodes.map((at) => `${at}: [${nodes.join(", ")}]`).join(", ");
    const run = (): unknown => call("graph.reachable_paths", [parseTerm(`{${edges}}`), [0]]);
    expect(run).toThrow(BuiltinError);
  });
});

function aliasBomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let at = 1; at < 9; at++) {
    const aliases = Array.from({ length: 10 }, () => `*a${at - 1}`).join(", ");
    lines.push(`a${at}: &a${at} [${aliases}]`);
  }
  return lines.join("\n");
}

describe("print and trace", () => {
  it("say each combination of their arguments' values", () => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    call("internal.print", [parseTerm('[{"a"}, {1, 2}, set()]')], { print });
    call("trace", ["note"], { print });
    expect(lines).toEqual(["a 1 <undefined>", "a 2 <undefined>", "note"]);
  });

  it("say nothing where nobody listens", () => {
    expect(call("internal.print", [parseTerm('["x"]')])).toBe(true);
  });
});
