import { readFileSync } from "node:fs";
import { StileError } from "../../core/errors.ts";
import { silentLog } from "../../core/telemetry.ts";
import { observationOf } from "../../wire/feature-init.ts";
import { FeatureService } from "../../wire/messages.ts";
import type { CommandContext } from "../context.ts";
import { type Decided, summaryOf } from "./cloudtrail-counts.ts";
import { type CloudTrailQuestion, questionFromCloudTrail } from "./cloudtrail-mapping.ts";
import { cloudTrailLines } from "./cloudtrail-view.ts";
import { type DemoServer, startDemoServer } from "./demo-server.ts";

/**
 * Decides every line of a CloudTrail log under the shipped pack, at the line's own time.
 *
 * @throws StileError `invalid_request` when the log cannot be read or holds no event. @throws CallError
 */
export async function decideCloudTrail(path: string, context: CommandContext): Promise<void> {
  const { asked, lines } = readLog(path);
  const [first] = asked;
  if (first === undefined) {
    throw new StileError("invalid_request", `no line of ${path} is a CloudTrail event`);
  }
  // Each challenge beyond the bound is an error of the log; here they are counted instead.
  const server = await startDemoServer({ startMs: first.timeMs, log: silentLog });
  try {
    const startedMs = performance.now();
    const decided = await decideAll(asked, server);
    const tookMs = performance.now() - startedMs;
    const summary = summaryOf(decided, lines);
    const { terminal } = context;
    if (context.json()) terminal.out(JSON.stringify(summary));
    else for (const line of cloudTrailLines(summary, tookMs, terminal)) terminal.out(line);
  } finally {
    await server.close();
  }
}

function readLog(path: string): {
  /** In order of time. */
  readonly asked: readonly CloudTrailQuestion[];
  readonly lines: number;
} {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new StileError("invalid_request", `read the CloudTrail log ${path}`, { cause });
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const asked = lines.flatMap((line) => questionFromCloudTrail(parsed(line)) ?? []);
  return { asked: asked.toSorted((a, b) => a.timeMs - b.timeMs), lines: lines.length };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // counted as unread
  }
}

/**
 * One after the other: how many challenges a subject has open bears on the next answer, so the
 * counts of two runs are the same only if the order is.
 */
async function decideAll(
  asked: readonly CloudTrailQuestion[],
  { client, clock }: DemoServer,
): Promise<readonly Decided[]> {
  const decided: Decided[] = [];
  for (const one of asked) {
    clock.moveTo(one.timeMs);
    if (one.signal !== undefined) {
      const signals = [observationOf(one.signal)];
      await client.connection.clientStream(FeatureService, "observe", [{ signals }]);
    }
    decided.push({ asked: one, answer: await client.decide(one.question) });
  }
  return decided;
}
