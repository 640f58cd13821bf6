import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit.ts";
import { plain, type Terminal } from "../terminal.ts";
import { startDemoServer } from "./demo-server.ts";
import { type Beat, SCENES, type Scene } from "./scenes.ts";
import { MORNING_MS, Stage } from "./stage.ts";
import { type TrailSummary, trailSummaryOf } from "./trail-summary.ts";

interface Played {
  readonly scene: Scene;
  readonly beats: readonly Beat[];
}

/** `stile demo`: a day of a team of operators against a server of its own. */
export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command("demo")
    .description("play a day of an operations team against a server of its own")
    .option("--cloudtrail <file>", "decide the lines of a CloudTrail log instead (JSON lines)")
    .action(async (options: { readonly cloudtrail?: string }) => {
      if (options.cloudtrail === undefined) {
        context.exit(await playDay(context));
        return;
      }
      const { decideCloudTrail } = await import("./cloudtrail-run.ts");
      await decideCloudTrail(options.cloudtrail, context);
    });
}

async function playDay(context: CommandContext): Promise<number> {
  const server = await startDemoServer(MORNING_MS);
  const { terminal } = context;
  try {
    const stage = new Stage(server.client, server.clock);
    const played: Played[] = [];
    for (const scene of SCENES) {
      stage.at(scene.time);
      const one = { scene, beats: await scene.play(stage) };
      played.push(one);
      if (!context.json()) for (const line of sceneLines(one, terminal)) terminal.out(line);
    }
    const trail = await trailSummaryOf(server.client);
    const wrong = played.flatMap(({ scene, beats }) =>
      beats.filter(({ answer, expected }) => answer.kind !== expected).map(() => scene.title),
    );
    if (context.json())
      terminal.out(JSON.stringify({ scenes: played.map(sceneJson), trail, wrong }));
    else for (const line of trailLines(trail, wrong, terminal)) terminal.out(line);
    return wrong.length === 0 ? EXIT.done : EXIT.failure;
  } finally {
    await server.close();
  }
}

const COLOURS = { allow: "green", deny: "red", step_up: "yellow" } as const;
const SHOWN = { allow: "allow  ", deny: "deny   ", step_up: "step-up" } as const;

function sceneLines({ scene, beats }: Played, terminal: Terminal): readonly string[] {
  const lines = [
    "",
    `${terminal.style("dim", scene.time)}  ${terminal.style("bold", scene.title)}`,
  ];
  for (const { says, answer, expected } of beats) {
    const shown = terminal.style(COLOURS[answer.kind], SHOWN[answer.kind]);
    const off = answer.kind === expected ? "" : terminal.style("red", `  (expected ${expected})`);
    lines.push(`       ${shown}  ${says}${off}`);
    const reason = answer.reasons[0];
    if (reason !== undefined) {
      const more = answer.reasons.length > 1 ? ` (and ${answer.reasons.length - 1} more)` : "";
      lines.push(terminal.style("dim", `                ${plain(reason.message)}${more}`));
    }
  }
  return lines;
}

function trailLines(
  trail: TrailSummary,
  wrong: readonly string[],
  terminal: Terminal,
): readonly string[] {
  const lines = ["", terminal.style("bold", "What the audit trail says of the day")];
  const { allow, deny, step_up: stepUp } = trail.outcomes;
  lines.push(`       ${trail.records} records: ${allow} allow, ${deny} deny, ${stepUp} step-up`);
  lines.push(`       ${trail.proven} proofs given, ${trail.refused} codes refused`);
  lines.push(`       the chain of records is ${trail.isWhole ? "whole" : "broken"}`);
  lines.push("", "       asked      times  most often because");
  for (const { subject, asked, reason } of trail.asked) {
    lines.push(
      `       ${plain(subject).padEnd(20)} ${String(asked).padStart(3)}  ${plain(reason)}`,
    );
  }
  if (wrong.length > 0) {
    lines.push("", terminal.style("red", `not as expected: ${wrong.join("; ")}`));
  }
  return lines;
}

function sceneJson({ scene, beats }: Played): object {
  return {
    time: scene.time,
    title: scene.title,
    beats: beats.map(({ says, answer, expected }) => ({
      says,
      outcome: answer.kind,
      expected,
      reasons: answer.reasons,
      decision_id: answer.decisionId,
    })),
  };
}
