import { CALLERS, type Contestant } from "./contestant.ts";
import { runStile } from "./grpc-server.ts";
import { streamTarget } from "./grpc-targets.ts";
import type { StileBuild } from "./stile-build.ts";

export function decideStreamContestant(stile: StileBuild): Contestant {
  return {
    name: `DecideStream${stile.suffix}`,
    what: "Stile, a bidirectional stream a connection",
    decisionsPerCall: 1,
    callers: CALLERS,
    alsoLatency: true,
    start: () => runStile(stile, streamTarget),
  };
}
