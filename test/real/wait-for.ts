import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until the condition holds, asking every 20 ms.
 *
 * @param what what is waited for, for the error.
 * @throws Error after `deadlineMs`, with the last error of the condition as its cause.
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 20_000,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      if (await condition()) return;
      cause = undefined;
    } catch (thrown) {
      cause = thrown;
    }
    await sleep(20);
  } while (performance.now() < endMs);
  throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause });
}
