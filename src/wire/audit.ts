import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AuditEntry } from "../core/audit.ts";
import type { BundleStatus } from "../core/policy.ts";
import { type TailResponse, TailResponseSchema } from "./gen/stile/v1/audit_pb.ts";
import { type ListBundlesResponse, ListBundlesResponseSchema } from "./gen/stile/v1/policy_pb.ts";

export function messageFromEntry(entry: AuditEntry): TailResponse {
  return create(TailResponseSchema, {
    recordJson: entry.body,
    type: entry.type,
    id: entry.id,
    time: timestampFromMs(entry.timeMs),
    sequence: BigInt(entry.sequence),
  });
}

export function messageFromBundles(bundles: readonly BundleStatus[]): ListBundlesResponse {
  return create(ListBundlesResponseSchema, {
    bundles: bundles.map(({ policy, source, activatedAtMs, lastError }) => ({
      policy: { ...policy },
      source,
      activatedAt: timestampFromMs(activatedAtMs),
      lastError,
    })),
  });
}
