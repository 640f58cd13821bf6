import { expect, it } from "vitest";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { createFakeClock } from "./fake-clock.ts";
import { describeStateStore } from "./state-store.contract.ts";

describeStateStore("memory", (parts) => {
  const store = new MemoryStore(parts);
  return { store, remove: () => store.close() };
});

it("makes room from what has expired when it is full", async () => {
  const clock = createFakeClock();
  const store = new MemoryStore({ clock, recordsMax: 1 });
  const change = { version: 0, value: "1", expiresAtMs: clock.nowMs() };
  expect(await store.compareAndSet({ ...change, key: "a" })).toBe(true);
  clock.moveMs(1);
  expect(await store.compareAndSet({ ...change, key: "b", expiresAtMs: null })).toBe(true);
});
