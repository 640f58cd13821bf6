import type { SourceRecord } from "../../core/audit.ts";
import { isJsonObject } from "../../core/json.ts";
import { jsonMembers } from "../../core/json-members.ts";
import type { Evaluation, Policy } from "../../core/policy.ts";

/** What an evaluation said, then or now. */
export interface Said {
  readonly outcome: "allow" | "deny" | "step_up";
  /** Codes, in order. */
  readonly codes: readonly string[];
  /** The policy's value as JSON text, or `fault <kind>`. */
  readonly text: string;
}

/** One decision, decided again. */
export interface Redecided {
  readonly id: string;
  readonly subject: string;
  readonly time: string;
  readonly action: string;
  /** Of the bundle that decided then. */
  readonly digest: string;
  readonly was: Said;
  readonly now: Said;
}

export type ReplayResult =
  | { readonly kind: "redecided"; readonly decision: Redecided }
  /** No decision, of another policy, or outside of the time asked for. */
  | { readonly kind: "passed_over" }
  /** A decision whose record does not hold what it read. */
  | { readonly kind: "unreadable"; readonly why: string };

export interface ReplayFilter {
  /** Name of the policy whose decisions are replayed. */
  readonly policy: string;
  /** ms since the Unix epoch; from included, to not. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

/** Decides one record again, by the input, the time and the seed that it holds. */
export function redecide(
  body: SourceRecord["body"],
  policy: Policy,
  filter: ReplayFilter,
): ReplayResult {
  const members = jsonMembers(body.toString("utf8"));
  if (members === undefined) return { kind: "unreadable", why: "no JSON object" };
  if (members.get("type") !== '"stile.decision.v1"') return { kind: "passed_over" };
  if (members.has("omitted")) return { kind: "unreadable", why: "only a stub of it is here" };
  const ref = valueOf(members.get("policy"));
  if (!isJsonObject(ref) || ref["name"] !== filter.policy) return { kind: "passed_over" };
  const time = stringOf(members.get("time"));
  if (!isWithin(Date.parse(time), filter)) return { kind: "passed_over" };
  const input = members.get("input");
  const id = stringOf(members.get("id"));
  if (input === undefined || id === "") return { kind: "unreadable", why: "it has no input" };
  const inputMembers = jsonMembers(input);
  const nowNs = inputMembers?.get("now_ns") ?? "";
  if (!/^\d{1,19}$/.test(nowNs)) return { kind: "unreadable", why: "its input has no now_ns" };
  const was = saidThen(members);
  if (was === undefined) return { kind: "unreadable", why: "it has neither result nor fault" };
  const action = jsonMembers(inputMembers?.get("action") ?? "")?.get("name");
  return {
    kind: "redecided",
    decision: {
      id,
      subject: stringOf(members.get("subject")),
      time,
      action: stringOf(action),
      digest: typeof ref["digest"] === "string" ? ref["digest"] : "",
      was,
      now: saidNow(policy.evaluate(input, nowNs, id)),
    },
  };
}

/** @returns whether the two say the same: outcome, reasons, and the text bit for bit. */
export function isSame({ was, now }: Redecided): boolean {
  return was.text === now.text && was.outcome === now.outcome;
}

function saidNow(evaluation: Evaluation): Said {
  if (evaluation.kind === "fault") return fault(evaluation.fault);
  const { decision, reasons } = evaluation.verdict;
  return { outcome: decision, codes: codesOf(reasons), text: evaluation.resultText };
}

/**
 * What the policy said, which is what came of it unless a challenge could not be opened or a grant
 * not be spent: then the answer was a denial, and that is no word of the policy.
 */
function saidThen(members: ReadonlyMap<string, string>): Said | undefined {
  const text = members.get("result");
  if (text === undefined) {
    const recorded = valueOf(members.get("fault"));
    const kind = isJsonObject(recorded) ? recorded["kind"] : undefined;
    return typeof kind === "string" ? fault(kind) : undefined;
  }
  const result = valueOf(text);
  if (!isJsonObject(result)) return undefined;
  const { decision, reasons } = result;
  if (decision !== "allow" && decision !== "deny" && decision !== "step_up") return undefined;
  return { outcome: decision, codes: codesOf(reasons), text };
}

function fault(kind: string): Said {
  return { outcome: "deny", codes: [`policy_${kind}`], text: `fault ${kind}` };
}

function codesOf(reasons: unknown): readonly string[] {
  if (!Array.isArray(reasons)) return [];
  return reasons.map((reason: unknown) =>
    isJsonObject(reason) && typeof reason["code"] === "string" ? reason["code"] : "",
  );
}

function isWithin(timeMs: number, { sinceMs, untilMs }: ReplayFilter): boolean {
  return (
    (sinceMs === undefined || timeMs >= sinceMs) && (untilMs === undefined || timeMs < untilMs)
  );
}

function valueOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function stringOf(text: string | undefined): string {
  const value = valueOf(text);
  return typeof value === "string" ? value : "";
}
