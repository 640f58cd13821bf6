import type { FeatureDeclaration } from "../../src/core/features.ts";
import { silentLog, silentMeter } from "../../src/core/telemetry.ts";
import { featureQueryOf, inputTextOf } from "../../src/decide/input-text.ts";
import { createFeatureState } from "../../src/features/feature-state.ts";
import { requestFromMessage } from "../../src/wire/decision-request.ts";
import { INPUTS, signalsAt, updatesAt } from "./inputs.ts";
import { messageOf } from "./messages.ts";

/**
 * The mix as the policy reads it: each question joined with its features, as the service does it.
 *
 * @returns JSON text of the input documents, in the order of INPUTS.
 */
export function inputTextsAt(
  nowMs: number,
  declarations: readonly FeatureDeclaration[],
): readonly string[] {
  const state = createFeatureState({ declarations, meter: silentMeter, log: silentLog });
  state.put(updatesAt(nowMs), nowMs);
  state.observe(signalsAt(nowMs), nowMs);
  return INPUTS.map(({ question }) => {
    const request = requestFromMessage(messageOf(question));
    const snapshot = state.snapshot(featureQueryOf(request), nowMs);
    return inputTextOf(request, undefined, snapshot, `${nowMs}000000`);
  });
}
