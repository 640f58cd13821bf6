import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSync } from "otplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { createStepUp } from "../../src/stepup/create-step-up.ts";
import { openGrantKeys } from "../../src/stepup/grant-keys.ts";
import { createSecretBox } from "../../src/stepup/secret-box.ts";
import { openEmbeddedStore } from "../../src/store/embedded-store.ts";
import { buildChild, type ChildProgram, nextLine } from "../store/child-program.ts";
import { ALICE, askOf, createFakeTrail, outcomesOf } from "./room.ts";

/** Real time and real processes: the code of the step to come is right for over 30 s. */
describe("StepUp across processes", { timeout: 60_000 }, () => {
  const factorKey = Buffer.alloc(32, 5);
  let program: ChildProgram;
  let folder: string;
  beforeAll(async () => {
    program = await buildChild("test/stepup/children/prove.ts");
  }, 60_000);
  afterAll(() => program.remove());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stile-crash-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function openAndEnrol() {
    const parts = { clock: systemClock, log: silentLog, meter: silentMeter };
    const keys = join(folder, "keys");
    const store = openEmbeddedStore({ ...parts, folder: join(folder, "state") });
    const room = createStepUp({
      ...parts,
      store,
      audit: createFakeTrail(),
      keys: openGrantKeys(keys),
      box: createSecretBox(factorKey),
    });
    const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
    const nowS = () => Math.floor(systemClock.nowMs() / 1000);
    await room.factors.confirmTotp(enrolmentId, generateSync({ secret, epoch: nowS() }));
    const { id } = await room.challenges.open(
      askOf({ clock: { ...systemClock, moveMs: () => undefined } }),
    );
    const code = generateSync({ secret, epoch: nowS() + 30 });
    const start = (mode: string) =>
      program.start([join(folder, "state"), keys, factorKey.toString("base64"), id, code, mode]);
    return { ...room, store, id, code, start };
  }

  it("lets one of three processes pass that offer one code at once", async () => {
    const room = await openAndEnrol();
    const children = ["tell", "tell", "tell"].map(room.start);
    for (const child of children) expect(await nextLine(child)).toBe("ready");
    for (const child of children) child.tell("go");
    const outcomes: string[] = [];
    for (const child of children) outcomes.push(await nextLine(child));
    expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(1);
    expect(await room.stepUp.view(room.id)).toMatchObject({ state: "proven" });
    await Promise.all(children.map((child) => child.ended));
    await room.store.close();
  });

  it("has the code spent and no grant when the process dies before it answers", async () => {
    const room = await openAndEnrol();
    const child = room.start("hang");
    expect(await nextLine(child)).toBe("ready");
    child.tell("go");
    expect(await nextLine(child)).toBe("spent");
    child.process.kill("SIGKILL");
    await child.ended;
    expect(await room.stepUp.view(room.id)).toMatchObject({ state: "open" });
    expect(await outcomesOf([room.stepUp.verify(room.id, room.code)])).toEqual([
      "challenge_closed",
    ]);
    const again = await room.challenges.open(
      askOf({ clock: { ...systemClock, moveMs: () => undefined } }),
    );
    expect(again.id).not.toBe(room.id);
    expect(await outcomesOf([room.stepUp.verify(again.id, room.code)])).toEqual(["code_spent"]);
    await room.store.close();
  });
});
