import type { Clock } from "../core/clock.ts";
import type { FeatureInspector, FeatureUpdate, Signal } from "../core/features.ts";
import type { Log } from "../core/telemetry.ts";
import {
  entityFromText,
  messageFromReadings,
  signalsFromMessage,
  updatesFromMessage,
} from "../wire/features.ts";
import type { GetFeaturesRequest, ObserveRequest, PutFeaturesRequest } from "../wire/messages.ts";
import { clientStream, unary } from "./handlers.ts";

/** Where writes go: into this replica's state, or through Kafka to all of them. */
export interface FeatureIntake {
  /** @returns a freshness token. */
  put(updates: readonly FeatureUpdate[], nowMs: number): Promise<string>;
  observe(
    signals: readonly Signal[],
    nowMs: number,
  ): Promise<{ readonly accepted: number; readonly duplicates: number; readonly token: string }>;
}

/** The handlers of stile.v1.FeatureService. */
export function featureHandlers(parts: {
  readonly intake: FeatureIntake;
  readonly inspector: FeatureInspector;
  readonly clock: Clock;
  readonly log: Log;
}) {
  const { intake, inspector, clock, log } = parts;
  return {
    putFeatures: clientStream(log, async (requests: AsyncIterable<PutFeaturesRequest>) => {
      let accepted = 0;
      let freshnessToken = "";
      for await (const request of requests) {
        const nowMs = clock.nowMs();
        const updates = updatesFromMessage(request, nowMs);
        freshnessToken = await intake.put(updates, nowMs);
        accepted += updates.length;
      }
      return { accepted: BigInt(accepted), freshnessToken };
    }),
    observe: clientStream(log, async (requests: AsyncIterable<ObserveRequest>) => {
      let accepted = 0;
      let duplicates = 0;
      let freshnessToken = "";
      for await (const request of requests) {
        const nowMs = clock.nowMs();
        const taken = await intake.observe(signalsFromMessage(request, nowMs), nowMs);
        accepted += taken.accepted;
        duplicates += taken.duplicates;
        freshnessToken = taken.token;
      }
      return { accepted: BigInt(accepted), duplicates: BigInt(duplicates), freshnessToken };
    }),
    getFeatures: unary(log, async (request: GetFeaturesRequest) =>
      messageFromReadings(
        inspector.read(entityFromText(request.entity), request.id, clock.nowMs()),
      ),
    ),
  };
}
