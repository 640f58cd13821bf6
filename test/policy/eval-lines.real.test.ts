import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evalLine } from "../../src/policy/eval-lines.ts";
import { requireReal } from "../real/require-real.ts";
import { buildFiles } from "./opa-build.ts";

const REGO = `package e

echo := input

more := data.more

typed := [type_name(x) | some x in input]

conflicting := 1 if input.a
conflicting := 2 if input.b
`;

const opa = await requireReal("opa");

describe.skipIf(!opa.present)("evalLine", () => {
  let folder: string;
  let path: string;
  let wasm: string;

  beforeAll(async () => {
    const entrypoints = ["e/echo", "e/more", "e/typed", "e/conflicting"];
    const files = await buildFiles({ rego: REGO, entrypoints });
    const bytes = files.get("policy.wasm") ?? new Uint8Array();
    wasm = Buffer.from(bytes).toString("base64");
    folder = await mkdtemp(join(tmpdir(), "stile-eval-"));
    path = join(folder, "policy.wasm");
    await writeFile(path, bytes);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** @param members JSON text of the members besides the module. */
  function answer(members: string): string {
    return evalLine(`{"id":1,"wasm":"${wasm}",${members}}`);
  }

  it.each([
    "9007199254740993",
    "-0.1234567890123456789012345",
    "1e400",
    "false",
    "0",
    '""',
    "null",
    '"a\\u0000b ü 鍵 🔐"',
    '{"a":[1,{"b":[]}]}',
  ])("gives %s back as it came", (input) => {
    expect(answer(`"entrypoint":"e/echo","input":${input}`)).toBe(
      `{"id":1,"result":[{"result":${input}}]}`,
    );
  });

  it("takes no input for none", () => {
    expect(answer('"entrypoint":"e/echo"')).toBe('{"id":1,"result":[]}');
  });

  it("passes Rego text as it is, which may hold sets", () => {
    expect(answer('"entrypoint":"e/typed","input_term":"[{1, 2}, {1: 2}, set()]"')).toBe(
      '{"id":1,"result":[{"result":["set","object","set"]}]}',
    );
  });

  it("passes data with exact numbers", () => {
    expect(answer('"entrypoint":"e/more","data":{"more":[9007199254740993]}')).toBe(
      '{"id":1,"result":[{"result":[9007199254740993]}]}',
    );
  });

  it("takes the path of a module too", () => {
    const line = `{"id":"p","wasm":${JSON.stringify(path)},"entrypoint":"e/echo","input":1}`;
    expect(evalLine(line)).toBe('{"id":"p","result":[{"result":1}]}');
  });

  it("gives the policy's own error", () => {
    const text = answer('"entrypoint":"e/conflicting","input":{"a":1,"b":1}');
    expect(text).toMatch(/^\{"id":1,"error":".*conflict/);
  });

  it.each([
    ["an entrypoint unknown", '"entrypoint":"e/other"', /expected one of .*e\/echo/],
    ["an entrypoint missing among several", '"input":1', /entrypoint: expected one of/],
    ["an entrypoint that is no text", '"entrypoint":5', /entrypoint/],
    ["an input term that is no term", '"entrypoint":"e/echo","input_term":"{1"', /input as term/],
  ])("names %s", (_, members, message) => {
    const text = answer(members);
    expect(text).toMatch(/^\{"id":1,"error":/);
    expect(text).toMatch(message);
  });

  it.each([
    ["no JSON", "{", /^\{"id":null,"error":"/],
    ["a line without a module", '{"id":[1]}', /^\{"id":\[1\],"error":"wasm: /],
    ["a module that is none", '{"id":"a","wasm":"AAAA"}', /^\{"id":"a","error":"/],
  ])("answers %s with an error", (_, line, message) => {
    expect(evalLine(line)).toMatch(message);
  });
});
