/** How far one signal moves the clock. */
export const CLOCK_STEP_MS = 30_000;

/**
 * A module for `node --import`, loaded into a server before anything else: its wall clock stands
 * at STILE_TEST_CLOCK_MS, and each SIGUSR2 moves it on by one step of an authenticator. It
 * is text, since Node 20 runs no TypeScript.
 */
export const CLOCK_BY_HAND = `data:text/javascript,${encodeURIComponent(`
  let nowMs = Number(process.env.STILE_TEST_CLOCK_MS);
  delete process.env.STILE_TEST_CLOCK_MS;
  Date.now = () => nowMs;
  process.on("SIGUSR2", () => {
    nowMs += ${CLOCK_STEP_MS};
    process.stderr.write("the clock moved\\n");
  });
`)}`;
