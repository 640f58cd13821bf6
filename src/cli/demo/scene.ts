import type { Stage } from "./stage.ts";

/** A part of the day. */
export interface Scene {
  /** `HH:MM`, UTC. */
  readonly time: string;
  readonly title: string;
  /** @throws Deviation when an answer is another than the scene tells. */
  readonly play: (stage: Stage) => Promise<void>;
}
