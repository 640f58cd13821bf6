import { AFTERNOON } from "./afternoon.ts";
import { MORNING } from "./morning.ts";
import type { Scene } from "./scene.ts";

/** The day, in order of time. */
export const SCENES: readonly Scene[] = [...MORNING, ...AFTERNOON];
