import { StileError } from "../core/errors.ts";
import type { StateRecord, StateStore } from "../core/store.ts";

/** Each lost race means that another change got through, so this many mean a flood on one key. */
const RACES_MAX = 100;

/** What a change leads to: an answer, and what is to be stored for it to hold. */
export type Change<Answer> =
  | { readonly kind: "keep"; readonly answer: Answer }
  | {
      readonly kind: "store";
      readonly answer: Answer;
      readonly value: string | null;
      readonly expiresAtMs: number | null;
    };

/**
 * Reads a record, decides, and stores the decision only if the record is still as it was read;
 * else decides again on what stands there now.
 *
 * @throws StileError `state_unavailable`, and what `decide` throws.
 */
export async function changeRecord<Answer>(
  store: StateStore,
  key: string,
  decide: (stored: StateRecord | undefined) => Change<Answer>,
): Promise<Answer> {
  for (let race = 0; race < RACES_MAX; race += 1) {
    const stored = await store.get(key);
    const change = decide(stored);
    if (change.kind === "keep") return change.answer;
    const { value, expiresAtMs } = change;
    const version = stored?.version ?? 0;
    if (await store.compareAndSet({ key, version, value, expiresAtMs })) return change.answer;
  }
  throw new StileError("state_unavailable", `change a record: lost ${RACES_MAX} races`);
}
