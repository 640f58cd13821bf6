import { systemClock } from "../../../src/core/clock.ts";
import { silentLog, silentMeter } from "../../../src/core/telemetry.ts";
import { openEmbeddedStore } from "../../../src/store/embedded-store.ts";

/**
 * Claims `count` keys, each by naming version 0, and prints which were won. With `hold` it then
 * waits to be killed.
 */
const [folder = "", count = "0", hold = ""] = process.argv.slice(2);
const parts = { folder, clock: systemClock, log: silentLog, meter: silentMeter };
const store = openEmbeddedStore(parts);
process.stdout.write("ready\n");
await new Promise<void>((go) => process.stdin.once("data", () => go()));
const won: number[] = [];
await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    const change = { key: `claim/${index}`, version: 0, value: `"${process.pid}"` };
    if (await store.compareAndSet({ ...change, expiresAtMs: null })) won.push(index);
  }),
);
process.stdout.write(`${JSON.stringify(won)}\n`);
if (hold === "hold") setInterval(() => undefined, 1_000);
else {
  await store.close();
  process.exit(0);
}
