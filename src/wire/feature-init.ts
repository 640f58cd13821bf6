import { create, fromJson } from "@bufbuild/protobuf";
import { timestampFromMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { FeatureScalar, Signal } from "../core/features.ts";
import {
  type FeatureUpdate,
  FeatureUpdateSchema,
  type Signal as SignalMessage,
  SignalSchema,
} from "./gen/stile/v1/feature_pb.ts";
import { structFromJson } from "./struct.ts";

/** @returns a feature update as PutFeatures takes it. */
export function updateOf(update: {
  readonly entity: string;
  readonly id: string;
  readonly name: string;
  readonly value: FeatureScalar;
  readonly eventTimeMs: number;
}): FeatureUpdate {
  const { entity, id, name, value, eventTimeMs } = update;
  return create(FeatureUpdateSchema, {
    entity,
    id,
    name,
    value: fromJson(ValueSchema, typeof value === "object" ? [...value] : value),
    eventTime: timestampFromMs(eventTimeMs),
  });
}

/** @returns a signal as Observe takes it. */
export function observationOf(signal: Signal): SignalMessage {
  const { id, source, type, subject, data, timeMs } = signal;
  return create(SignalSchema, {
    id,
    source,
    type,
    subject,
    data: structFromJson(data),
    time: timestampFromMs(timeMs),
  });
}
