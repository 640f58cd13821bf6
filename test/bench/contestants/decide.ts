import { CALLERS, type Contestant } from "./contestant.ts";
import { runStile } from "./grpc-server.ts";
import { unaryTarget } from "./grpc-targets.ts";
import type { StileBuild } from "./stile-build.ts";

export function decideContestant(stile: StileBuild): Contestant {
  return {
    name: `Decide${stile.suffix}`,
    what: "Stile, unary; features and audit journal on",
    decisionsPerCall: 1,
    callers: CALLERS,
    alsoLatency: true,
    start: () => runStile(stile, unaryTarget),
  };
}
