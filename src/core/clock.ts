/** The wall clock. Tests hand in one that they move by hand. */
export interface Clock {
  /** @returns ms since the Unix epoch. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };
