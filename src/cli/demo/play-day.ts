import { describeError } from "../../core/errors.ts";
import { createLog } from "../../telemetry/pino-log.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit.ts";
import { Deviation } from "./ask.ts";
import { type Played, sceneJson, sceneLines, trailLines } from "./day-view.ts";
import { type DemoServer, startDemoServer } from "./demo-server.ts";
import type { Scene } from "./scene.ts";
import { SCENES } from "./scenes.ts";
import { MORNING_MS, Stage } from "./stage.ts";
import { trailSummaryOf } from "./trail-summary.ts";

/**
 * Plays the scenes in order, up to the first that goes otherwise than told, and reads the trail.
 *
 * @param options.keep leaves the server's folder with the records.
 * @param scenes the day's, unless given.
 * @returns the exit code: 0 when every scene went as told and the trail is whole.
 */
export async function playDay(
  context: CommandContext,
  options: { readonly keep: boolean },
  scenes: readonly Scene[] = SCENES,
): Promise<number> {
  const server = await startDemoServer({ startMs: MORNING_MS, log: createLog("error") });
  try {
    const stage = new Stage(server.client, server.clock);
    await stage.prepare();
    greet(server, context);
    for (const scene of scenes) {
      const played = await playScene(scene, stage);
      tell(context, sceneLines(played, context.terminal), sceneJson(played));
      if (played.problem !== "") {
        context.terminal.err(`stile demo: the scene of ${scene.time} (${scene.title}) went wrong`);
        return EXIT.failure;
      }
    }
    const trail = await trailSummaryOf(server.client, stage.answers);
    const where = whereOf(server, options.keep);
    tell(context, trailLines(trail, where, context.terminal), { trail: { ...trail, where } });
    return trail.findings.length === 0 ? EXIT.done : EXIT.failure;
  } finally {
    await server.close(options);
  }
}

/** A call that fails is a problem of its scene, like any other answer than the one told. */
async function playScene(scene: Scene, stage: Stage): Promise<Played> {
  let problem = "";
  try {
    await stage.begin(scene.time);
    await scene.play(stage);
  } catch (thrown) {
    problem = thrown instanceof Deviation ? thrown.message : describeError(thrown);
  }
  return { scene, moments: stage.takeMoments(), problem };
}

function greet({ app }: DemoServer, context: CommandContext): void {
  if (context.json()) return;
  const { terminal } = context;
  terminal.out(`A server for this day alone, gRPC on ${app.grpcAddress}; its clock goes by scene.`);
  terminal.out(terminal.style("dim", `policy ${app.policyLine}`));
}

function whereOf({ dataDir }: DemoServer, keep: boolean): string {
  return keep
    ? `The records are in ${dataDir}; check them: stile audit verify --journal ${dataDir}`
    : `The records are in ${dataDir}, and go with the server now; --keep leaves them.`;
}

function tell(context: CommandContext, lines: readonly string[], object: object): void {
  const { terminal } = context;
  if (context.json()) terminal.out(JSON.stringify(object));
  else for (const line of lines) terminal.out(line);
}
