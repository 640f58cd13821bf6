import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DemoServer, startDemoServer } from "../../../src/cli/demo/demo-server.ts";
import { SCENES } from "../../../src/cli/demo/scenes.ts";
import { MORNING_MS, Stage } from "../../../src/cli/demo/stage.ts";
import { mostOften, trailSummaryOf } from "../../../src/cli/demo/trail-summary.ts";

describe("the demo's day", () => {
  let server: DemoServer;
  let stage: Stage;
  let beats = 0;

  beforeAll(async () => {
    server = await startDemoServer(MORNING_MS);
    stage = new Stage(server.client, server.clock);
  });
  afterAll(() => server.close());

  it.each(SCENES)("$time $title", async (scene) => {
    stage.at(scene.time);
    const played = await scene.play(stage);
    beats += played.length;
    expect(played.map(({ answer }) => answer.kind)).toEqual(played.map(({ expected }) => expected));
  });

  it("has every kind of answer, and the trail tells of each", async () => {
    const { outcomes, isWhole, proven, asked } = await trailSummaryOf(server.client);
    expect(outcomes.allow + outcomes.deny + outcomes.step_up).toBe(beats);
    expect(Math.min(outcomes.allow, outcomes.deny, outcomes.step_up)).toBeGreaterThan(2);
    expect({ isWhole, proven }).toEqual({ isWhole: true, proven: 3 });
    expect(asked.map(({ subject }) => subject)).toContain("user:ada");
  });
});

describe("mostOften", () => {
  it("takes the first of equals, and nothing of nothing", () => {
    expect(mostOften(["b", "a", "a", "b"])).toBe("b");
    expect(mostOften([])).toBe("");
  });
});
