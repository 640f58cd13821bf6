import type { Answer, Question } from "../../client/stile-client.ts";
import { unreachable } from "../../core/errors.ts";
import { tableLines } from "../table.ts";
import { plain, type Terminal } from "../terminal.ts";
import type { Moment } from "./ask.ts";
import type { Scene } from "./scene.ts";
import type { TrailSummary } from "./trail-summary.ts";

/** How a scene went. */
export interface Played {
  readonly scene: Scene;
  readonly moments: readonly Moment[];
  /** What went otherwise than told; "" for nothing. */
  readonly problem: string;
}

const WIDTH = 96;
const INDENT = "       ";
const TEXT_INDENT = `${INDENT}         `;
const COLOURS = { allow: "green", deny: "red", step_up: "yellow" } as const;
const SHOWN = { allow: "allow  ", deny: "deny   ", step_up: "step-up" } as const;

/** @returns the scene for people: who asked what, the answer, and each of its reasons. */
export function sceneLines({ scene, moments, problem }: Played, terminal: Terminal): string[] {
  const title = terminal.style("bold", scene.title);
  const lines = ["", `${terminal.style("dim", scene.time)}  ${title}`];
  for (const moment of moments) lines.push(...momentLines(moment, terminal));
  if (problem !== "") {
    lines.push(...wrapped(`not as told: ${problem}`).map((line) => terminal.style("red", line)));
  }
  return lines;
}

function momentLines(moment: Moment, terminal: Terminal): readonly string[] {
  switch (moment.kind) {
    case "note":
      return wrapped(moment.text).map((line) => terminal.style("dim", line));
    case "proof": {
      const colour = moment.isRight ? "green" : "red";
      return [
        `${INDENT}${terminal.style(colour, "code   ")}  ${plain(`${moment.who}: ${moment.text}`)}`,
      ];
    }
    case "answer":
      return answerLines(moment, terminal);
    default:
      return unreachable(moment);
  }
}

function answerLines(
  { question, answer }: { readonly question: Question; readonly answer: Answer },
  terminal: Terminal,
): readonly string[] {
  const outcome = terminal.style(COLOURS[answer.kind], SHOWN[answer.kind]);
  // The text is laid out without the outcome, whose colour has no width.
  const [first = "", ...rest] = wrapped(askedText(question), TEXT_INDENT);
  const lines = [`${INDENT}${outcome}  ${first.trimStart()}`, ...rest];
  for (const { message } of answer.reasons) {
    lines.push(...wrapped(message, TEXT_INDENT).map((line) => terminal.style("dim", line)));
  }
  for (const { id, properties } of answer.obligations) {
    const text = `obliged: ${id} ${JSON.stringify(properties)}`;
    lines.push(...wrapped(text, TEXT_INDENT).map((line) => terminal.style("dim", line)));
  }
  return lines;
}

/** `ada: deploy.production on service:payments, from ada-laptop-2 in NL, with a grant` */
function askedText({ subject, action, resource, context = {}, grants = [] }: Question): string {
  const { device_id: device, country, incident, change } = context;
  const parts = [`${subject.id}: ${action.name} on ${resource.type}:${resource.id}`];
  if (typeof device === "string" && typeof country === "string") {
    parts.push(`from ${device} in ${country}`);
  }
  if (typeof incident === "string") parts.push(`in ${incident}`);
  if (typeof change === "string") parts.push(`for ${change}`);
  if (grants.length > 0) parts.push("with the grant");
  return parts.join(", ");
}

/** @returns what the trail says, for people. */
export function trailLines(trail: TrailSummary, where: string, terminal: Terminal): string[] {
  const { allow, deny, step_up: stepUp } = trail.outcomes;
  const rows = trail.subjects.map((one) => [
    one.subject,
    one.allow,
    one.deny,
    one.step_up,
    one.because.join(", "),
  ]);
  const head = ["who", "allow", "deny", "step-up", "asked because of"];
  const isWhole = trail.findings.length === 0;
  return [
    "",
    terminal.style("bold", "What the audit trail says of the day"),
    `${INDENT}${trail.records} records. Of ${allow + deny + stepUp} decisions ${allow} are allow, ${deny} deny, ${stepUp} step-up.`,
    `${INDENT}Challenges proven: ${trail.proven}; wrong codes refused: ${trail.refused}.`,
    "",
    ...tableLines(head, rows).map((line) => `${INDENT}${line}`),
    "",
    isWhole
      ? `${INDENT}${terminal.style("green", "whole")}  numbers and hashes follow each other, and all ${trail.receipts} receipts are found`
      : `${INDENT}${terminal.style("red", "broken")}  ${plain(trail.findings.join("; "))}`,
    `${INDENT}${plain(where)}`,
  ];
}

/** @returns the scene as one JSON object. */
export function sceneJson({ scene, moments, problem }: Played): object {
  return {
    scene: scene.title,
    time: scene.time,
    as_told: problem === "",
    ...(problem === "" ? {} : { problem }),
    moments: moments.map(momentJson),
  };
}

function momentJson(moment: Moment): object {
  switch (moment.kind) {
    case "note":
      return { kind: moment.kind, text: moment.text };
    case "proof":
      return { kind: moment.kind, who: moment.who, right: moment.isRight };
    case "answer": {
      const { question, answer } = moment;
      const { subject, action, resource, context } = question;
      return {
        kind: moment.kind,
        subject,
        action,
        resource,
        context,
        with_grant: (question.grants ?? []).length > 0,
        outcome: answer.kind,
        reasons: answer.reasons,
        obligations: answer.obligations.map(({ id, properties }) => ({ id, ...properties })),
        decision_id: answer.decisionId,
      };
    }
    default:
      return unreachable(moment);
  }
}

/** @returns the words in lines of at most 96 columns, each indented. */
export function wrapped(text: string, indent: string = INDENT): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of plain(text).split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return line === "" ? lines : [...lines, indent + line];
}
