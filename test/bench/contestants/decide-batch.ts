import { BATCH_COUNT } from "../messages.ts";
import { BATCH_CALLERS, type Contestant } from "./contestant.ts";
import { runStile } from "./grpc-server.ts";
import { batchTarget } from "./grpc-targets.ts";
import type { StileBuild } from "./stile-build.ts";

export function decideBatchContestant(stile: StileBuild): Contestant {
  return {
    name: `DecideBatch${stile.suffix}`,
    what: `Stile, ${BATCH_COUNT} in a message`,
    decisionsPerCall: BATCH_COUNT,
    callers: BATCH_CALLERS,
    alsoLatency: false,
    start: () => runStile(stile, batchTarget),
  };
}
