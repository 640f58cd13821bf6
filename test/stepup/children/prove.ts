import { systemClock } from "../../../src/core/clock.ts";
import { silentLog, silentMeter } from "../../../src/core/telemetry.ts";
import { createStepUp } from "../../../src/stepup/create-step-up.ts";
import { openGrantKeys } from "../../../src/stepup/grant-keys.ts";
import { createSecretBox } from "../../../src/stepup/secret-box.ts";
import { openEmbeddedStore } from "../../../src/store/embedded-store.ts";

/**
 * Proves the challenge given with the code given. At the record of the proof it says so: `hang`
 * never keeps the record, `tell` keeps it and prints how the call ended.
 */
const [folder = "", keyFolder = "", factorKey = "", challengeId = "", code = "", mode = ""] =
  process.argv.slice(2);
const { stepUp } = createStepUp({
  store: openEmbeddedStore({ folder, clock: systemClock, log: silentLog, meter: silentMeter }),
  audit: {
    append(_draft, _ack, recorded) {
      if (mode === "hang") process.stdout.write("spent\n");
      else setImmediate(() => recorded({ instance: "x", sequence: 1, hash: Buffer.alloc(32) }));
    },
  },
  clock: systemClock,
  log: silentLog,
  meter: silentMeter,
  keys: openGrantKeys(keyFolder),
  box: createSecretBox(Buffer.from(factorKey, "base64")),
});
process.stdout.write("ready\n");
await new Promise<void>((go) => process.stdin.once("data", () => go()));
const outcome = await stepUp.verify(challengeId, code).then(
  () => "ok",
  (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? String(thrown.code) : "?"),
);
process.stdout.write(`${outcome}\n`);
process.exit(0);
