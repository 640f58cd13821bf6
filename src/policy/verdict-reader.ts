import { z } from "zod";
import type { PolicyVerdict } from "../core/decision.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { jsonTextOf } from "./builtins/json-text.ts";
import { parseTerm } from "./terms.ts";

const RESULT_CHARS_MAX = 262_144;
const CACHED_CHARS_MAX = 4_096;
const CACHED_VERDICTS_MAX = 512;

export type VerdictReading =
  | {
      readonly kind: "verdict";
      readonly verdict: PolicyVerdict;
      /** The policy's value as JSON text; sets are arrays in Rego's order. */
      readonly resultText: string;
    }
  | {
      readonly kind: "fault";
      readonly fault: "undefined" | "malformed";
      readonly cause: Error;
    };

/**
 * Makes a reader that remembers the last texts it read: a policy says few different things.
 *
 * @returns `readVerdict` with a memory of at most 512 verdicts, 4,096 characters each.
 */
export function createVerdictReader(): typeof readVerdict {
  const known = new Map<string, VerdictReading>();
  return (resultSet) => {
    const before = known.get(resultSet);
    if (before !== undefined) return before;
    const reading = readVerdict(resultSet);
    if (reading.kind === "verdict" && resultSet.length <= CACHED_CHARS_MAX) {
      if (known.size >= CACHED_VERDICTS_MAX) known.clear();
      known.set(resultSet, reading);
    }
    return reading;
  };
}

/**
 * Reads what a policy said.
 *
 * Strict: a member that is not part of the agreed shape makes the whole result malformed, since a
 * misspelt `step_up` or `reasons` must not pass for none. Only obligations carry members of their
 * own, which become their properties.
 *
 * @param resultSet Rego term text as the engine dumps it: `{{"result": …}}`, or `set()` for
 *   undefined.
 */
export function readVerdict(resultSet: string): VerdictReading {
  if (resultSet === "set()") {
    const cause = new TypeError("the policy has no value for this input");
    return { kind: "fault", fault: "undefined", cause };
  }
  if (resultSet.length > RESULT_CHARS_MAX) {
    return malformed(new RangeError(`result of more than ${RESULT_CHARS_MAX} characters`));
  }
  if (!resultSet.startsWith(BEFORE_RESULT) || !resultSet.endsWith(AFTER_RESULT)) {
    return malformed(new TypeError("not a set of one result"));
  }
  const termText = resultSet.slice(BEFORE_RESULT.length, -AFTER_RESULT.length);
  const parsed = parseJson(termText) ?? parseJson(jsonTextFrom(termText));
  if (parsed === undefined) return malformed(new TypeError("the result is no Rego term"));
  const { text: resultText, value } = parsed;
  const read = resultShape.safeParse(value);
  if (!read.success) {
    const issue = read.error.issues[0];
    const field = issue?.path.join(".") ?? "";
    return malformed(new TypeError(`${field === "" ? "" : `${field}: `}${issue?.message ?? ""}`));
  }
  return { kind: "verdict", verdict: verdictFrom(read.data), resultText };
}

const BEFORE_RESULT = '{{"result": ';
const AFTER_RESULT = "}}";

const listMax = 32;
const name = z.string().min(1).max(200);

const stepUpShape = z.strictObject({
  amr: z.array(name).max(listMax),
  acr: name,
  max_age: z.int().min(1).max(31_622_400),
  methods: z
    .array(z.enum(["totp", "passkey", "approval", "recovery"]))
    .min(1)
    .max(listMax),
  bind: z.enum(["action", "resource", "session"]),
  once: z.boolean().default(false),
});

const obligationShape = z.custom<JsonObject & { readonly id: string }>(
  (value) => isJsonObject(value) && name.safeParse(value["id"]).success,
  "expected an object with an id",
);

const resultShape = z
  .strictObject({
    decision: z.enum(["allow", "deny", "step_up"]),
    reasons: z
      .array(z.strictObject({ code: name, message: z.string().min(1).max(1_000) }))
      .min(1)
      .max(listMax),
    step_up: stepUpShape.optional(),
    obligations: z.array(obligationShape).max(listMax).default([]),
    audit: z.enum(["journal", "synced", "kafka"]).optional(),
  })
  .refine((result) => (result.decision === "step_up") === (result.step_up !== undefined), {
    path: ["step_up"],
    message: "expected exactly when the decision is step_up",
  });

function verdictFrom(result: z.infer<typeof resultShape>): PolicyVerdict {
  const demand = result.step_up;
  return {
    decision: result.decision,
    reasons: result.reasons,
    stepUp:
      demand === undefined
        ? undefined
        : {
            amr: demand.amr,
            acr: demand.acr,
            maxAgeS: demand.max_age,
            methods: demand.methods,
            bind: demand.bind,
            once: demand.once,
          },
    obligations: result.obligations.map(({ id, ...properties }) => ({ id, properties })),
    audit: result.audit,
  };
}

function parseJson(text: string): { readonly text: string; readonly value: unknown } | undefined {
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Term text is JSON already, unless it has sets in it, or keys that are no strings. */
function jsonTextFrom(termText: string): string {
  try {
    return jsonTextOf(parseTerm(termText));
  } catch {
    return "";
  }
}

function malformed(cause: Error): VerdictReading {
  return { kind: "fault", fault: "malformed", cause };
}
