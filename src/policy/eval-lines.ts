import { readFileSync } from "node:fs";
import { z } from "zod";
import { describeError, StileError } from "../core/errors.ts";
import { jsonTextOf } from "./builtins/json-text.ts";
import { scanJson } from "./json-scanner.ts";
import { parseTerm, termText } from "./terms.ts";
import { type HostInput, WasmHost } from "./wasm-host.ts";
import { compilePolicySync } from "./wasm-module.ts";

/**
 * Evaluates one compiled policy, for `stile eval --lines`.
 *
 * @param line JSON object with
 *   `id`, anything, given back as it came;
 *   `wasm`, base64 of a policy.wasm or the path of one;
 *   `entrypoint`, by name; may be left out where there is one only;
 *   `data`, the data document, `{}` if left out;
 *   `input`, any JSON, or `input_term`, Rego text for what is no JSON; none if both are left out;
 *   `strict`, whether a builtin's error ends the evaluation, false if left out.
 *   What is passed on keeps its text, so numbers keep their digits.
 * @returns `{"id","result"}` with the result set as JSON, sets as arrays in Rego's
 *   order, or `{"id","error"}`.
 */
export function evalLine(line: string): string {
  let id = "null";
  try {
    const texts = membersOf(line);
    id = texts["id"] ?? "null";
    return `{"id":${id},"result":${evaluate(texts)}}`;
  } catch (thrown) {
    return `{"id":${id},"error":${JSON.stringify(describeError(thrown))}}`;
  }
}

type Texts = Readonly<Partial<Record<string, string>>>;

function evaluate(texts: Texts): string {
  const question = read(texts);
  const data = Buffer.from(texts["data"] ?? "{}");
  const host = new WasmHost(compilePolicySync(moduleFrom(question.wasm)), data);
  const entrypoint = entrypointOf(host, question.entrypoint);
  const result = host.evaluate(entrypoint, inputFrom(texts["input"], question.input_term), {
    nowNs: `${Date.now()}000000`,
    seed: "eval",
    strict: question.strict,
    memo: new Map(),
  });
  if (result.kind === "fault") throw result.cause;
  return jsonTextOf(parseTerm(result.text));
}

/** The members of the line's object, each as the text that it came in. */
function membersOf(line: string): Texts {
  const bytes = Buffer.from(line);
  const texts: Partial<Record<string, string>> = {};
  scanJson(bytes, 1, ({ path, start, end }) => {
    const name = path[0];
    if (name !== undefined && NAMES.has(name)) texts[name] = bytes.toString("utf8", start, end);
  });
  return texts;
}

const NAMES = new Set(["id", "wasm", "entrypoint", "data", "input", "input_term", "strict"]);

const questionShape = z.object({
  wasm: z.string().min(1),
  entrypoint: z.string().optional(),
  input_term: z.string().optional(),
  strict: z.boolean().default(false),
});

function read(texts: Texts): z.infer<typeof questionShape> {
  const values = Object.entries(texts)
    .filter(([name]) => name in questionShape.shape)
    .map(([name, text]): [string, unknown] => [name, JSON.parse(text ?? "null")]);
  const question = questionShape.safeParse(Object.fromEntries(values));
  if (question.success) return question.data;
  const issue = question.error.issues[0];
  throw new StileError(
    "invalid_request",
    `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
  );
}

function moduleFrom(wasm: string): Uint8Array {
  const bytes = Buffer.from(wasm, "base64");
  return bytes.toString("latin1", 0, 4) === "\0asm" ? bytes : readFileSync(wasm);
}

function entrypointOf(host: WasmHost, name: string | undefined): number {
  const names = [...host.entrypoints.keys()];
  const wanted = name ?? (names.length === 1 ? names[0] : undefined);
  const id = wanted === undefined ? undefined : host.entrypoints.get(wanted);
  if (id !== undefined) return id;
  throw new StileError("invalid_request", `entrypoint: expected one of ${names.join(", ")}`);
}

function inputFrom(json: string | undefined, term: string | undefined): HostInput {
  if (term !== undefined) return { kind: "term", text: normalised(term) };
  return json === undefined ? undefined : { kind: "json", text: json };
}

/** The engine reads the text that OPA writes, which has no comma before a closing bracket. */
function normalised(term: string): string {
  try {
    return termText(parseTerm(term));
  } catch {
    return term;
  }
}
