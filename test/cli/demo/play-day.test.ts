import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CommandContext } from "../../../src/cli/context.ts";
import { allowed } from "../../../src/cli/demo/ask.ts";
import { playDay } from "../../../src/cli/demo/play-day.ts";
import type { Scene } from "../../../src/cli/demo/scene.ts";
import { SCENES } from "../../../src/cli/demo/scenes.ts";
import { TEAM } from "../../../src/cli/demo/team.ts";
import { FakeTerminal } from "../fake-terminal.ts";

const sceneSchema = z.object({
  scene: z.string(),
  as_told: z.boolean(),
  problem: z.string().optional(),
  moments: z.array(z.object({ kind: z.string(), outcome: z.string().optional() })),
});
const outcomesSchema = z.object({ allow: z.number(), deny: z.number(), step_up: z.number() });
const trailSchema = z.object({
  trail: z.object({
    outcomes: outcomesSchema,
    proven: z.number(),
    refused: z.number(),
    receipts: z.number(),
    findings: z.array(z.string()),
    subjects: z.array(outcomesSchema.extend({ subject: z.string(), because: z.array(z.string()) })),
    where: z.string(),
  }),
});

async function play(
  scenes: readonly Scene[] | undefined,
  options: { readonly json: boolean; readonly keep?: boolean },
) {
  const terminal = new FakeTerminal();
  const context: CommandContext = {
    terminal,
    env: {},
    json: () => options.json,
    exit: () => undefined,
    withClient: () => Promise.reject(new Error("the demo has a server of its own")),
  };
  const code = await playDay(context, { keep: options.keep === true }, scenes);
  return { code, terminal };
}

const folderIn = (text: string): string => /\S*stile-demo-\w+/.exec(text)?.[0] ?? "";

describe("the demo's day", () => {
  let code: number;
  let scenes: z.infer<typeof sceneSchema>[];
  let trail: z.infer<typeof trailSchema>["trail"];
  beforeAll(async () => {
    const played = await play(undefined, { json: true });
    code = played.code;
    const objects = played.terminal.outLines.map((line): unknown => JSON.parse(line));
    scenes = objects.slice(0, -1).map((one) => sceneSchema.parse(one));
    trail = trailSchema.parse(objects.at(-1)).trail;
  });

  it("goes as told, scene by scene", () => {
    expect(scenes.filter((scene) => !scene.as_told)).toEqual([]);
    expect(scenes.map(({ scene }) => scene)).toEqual(SCENES.map(({ title }) => title));
    expect(scenes.length).toBeGreaterThanOrEqual(12);
    expect(code).toBe(0);
  });

  it("finds in the trail what was answered, no more and no less", () => {
    const told = scenes.flatMap(({ moments }) => moments.flatMap(({ outcome }) => outcome ?? []));
    const count = (kind: string): number => told.filter((outcome) => outcome === kind).length;
    const counted = { allow: count("allow"), deny: count("deny"), step_up: count("step_up") };
    expect(trail.outcomes).toEqual(counted);
    expect(Math.min(...Object.values(counted))).toBeGreaterThan(3);
    expect(trail.receipts).toBe(told.length);
    expect(trail.findings).toEqual([]);
  });

  it("counts each proof and each wrong code, and says who was asked why", () => {
    expect({ proven: trail.proven, refused: trail.refused }).toEqual({ proven: 6, refused: 1 });
    const bo = trail.subjects.find(({ subject }) => subject === "user:bo");
    expect(bo?.because).toEqual(["junior_role", "device_unknown"]);
    const sum = trail.subjects.reduce((total, one) => total + one.step_up, 0);
    expect(sum).toBe(trail.outcomes.step_up);
  });

  it("leaves nothing behind", () => {
    const folder = folderIn(trail.where);
    expect(folder).not.toBe("");
    expect(existsSync(folder)).toBe(false);
  });
});

const looking: Scene = {
  time: "08:00",
  title: "looking",
  play: async (stage) => {
    await stage.ask(TEAM.kim, { does: "dashboard.read", on: "dashboard:d" }, allowed("harmless"));
  },
};
const dreaming: Scene = {
  time: "09:00",
  title: "dreaming",
  play: async (stage) => {
    await stage.ask(TEAM.dov, { does: "system.halt", on: "system:s" }, allowed("permitted"));
  },
};
const failing: Scene = {
  time: "10:00",
  title: "failing",
  play: async (stage) => {
    await stage.ask(TEAM.kim, { does: "", on: "dashboard:d" }, allowed("harmless"));
  },
};

describe("a day that goes otherwise than told", () => {
  it.each([
    [dreaming, "expected allow [permitted], got deny [not_permitted]"],
    [failing, "action.name"],
  ])("ends at the scene, fails and says which ($0.title)", async (scene, problem) => {
    const { code, terminal } = await play([looking, scene, looking], { json: true });
    expect(code).toBe(1);
    expect(terminal.outLines).toHaveLength(2);
    const last = sceneSchema.parse(JSON.parse(terminal.outLines[1] ?? ""));
    expect(last).toMatchObject({ scene: scene.title, as_told: false });
    expect(last.problem).toContain(problem);
    expect(terminal.errLines.join()).toContain(`the scene of ${scene.time} (${scene.title})`);
  });

  it("fails too where another reason is given for the same answer", async () => {
    const scene: Scene = {
      ...looking,
      play: async (stage) => {
        const ask = { does: "dashboard.read", on: "dashboard:d" };
        await stage.ask(TEAM.kim, ask, allowed("permitted"));
      },
    };
    const { code } = await play([scene], { json: true });
    expect(code).toBe(1);
  });
});

describe("the day for people", () => {
  it("tells time, question, outcome and reason, and keeps the records where it is told to", async () => {
    const { code, terminal } = await play([looking], { json: false, keep: true });
    const text = terminal.outLines.join("\n");
    const folder = folderIn(terminal.outLines.at(-1) ?? "");
    expect(code).toBe(0);
    expect(text).toContain("<dim:08:00>  <bold:looking>");
    expect(text).toContain("<green:allow  >  kim: dashboard.read on dashboard:d");
    expect(text).toContain("reading a dashboard is open to everybody");
    expect(existsSync(`${folder}/journal`)).toBe(true);
    await rm(folder, { recursive: true });
  });
});
