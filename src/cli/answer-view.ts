import type { Answer, Question } from "../client/stile-client.ts";
import { unreachable } from "../core/errors.ts";
import { EXIT } from "./exit.ts";
import { plain, type Terminal } from "./terminal.ts";

/** @returns the exit code that stands for an answer. */
export function exitCodeOf(answer: Answer): number {
  switch (answer.kind) {
    case "allow":
      return EXIT.done;
    case "deny":
      return EXIT.deny;
    case "step_up":
      return EXIT.stepUp;
    default:
      return unreachable(answer);
  }
}

/** @returns the lines that tell a person the answer and its grounds. */
export function answerLines(answer: Answer, question: Question, terminal: Terminal): string[] {
  const { subject, action, resource } = question;
  const what = `${action.name} on ${resource.type}:${resource.id} for ${subject.type}:${subject.id}`;
  const lines = [`${headline(answer, terminal)}  ${plain(what)}`];
  for (const { code, message } of answer.reasons) {
    lines.push(`  ${plain(message)} ${terminal.style("dim", `[${plain(code)}]`)}`);
  }
  for (const { id, properties } of answer.obligations) {
    lines.push(`  obliged: ${plain(id)} ${plain(JSON.stringify(properties))}`);
  }
  if (answer.kind === "step_up") {
    const until = new Date(answer.challenge.expiresAtMs).toISOString();
    lines.push(
      `  challenge ${answer.challenge.id}: prove it by ${answer.challenge.methods.join(", ")} before ${until}`,
    );
  }
  lines.push(
    terminal.style("dim", `  decision ${answer.decisionId}, policy ${policyName(answer)}`),
  );
  return lines;
}

function headline(answer: Answer, terminal: Terminal): string {
  switch (answer.kind) {
    case "allow":
      return terminal.style("green", "allow  ");
    case "deny":
      return terminal.style("red", "deny   ");
    case "step_up":
      return terminal.style("yellow", "step-up");
    default:
      return unreachable(answer);
  }
}

function policyName(answer: Answer): string {
  const { name, revision, digest } = answer.policy;
  return `${name}${revision === "" ? "" : ` ${revision}`} (${digest.slice(0, 19)}…)`;
}

/** @returns the answer as one JSON object, in the spelling of the policy and the audit record. */
export function answerJson(answer: Answer): string {
  const base = {
    outcome: answer.kind,
    reasons: answer.reasons,
    obligations: answer.obligations.map(({ id, properties }) => ({ id, ...properties })),
    decision_id: answer.decisionId,
    policy: answer.policy,
    cost: answer.cost,
    receipt: answer.receipt ?? null,
  };
  if (answer.kind !== "step_up") return JSON.stringify(base);
  const { id, amr, acr, maxAgeS, methods, bind, once, expiresAtMs } = answer.challenge;
  const expires = new Date(expiresAtMs).toISOString();
  const challenge = { id, amr, acr, max_age: maxAgeS, methods, bind, once, expires_at: expires };
  return JSON.stringify({ ...base, challenge });
}
