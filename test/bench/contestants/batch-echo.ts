import { BATCH_COUNT } from "../messages.ts";
import { BATCH_CALLERS, type Contestant } from "./contestant.ts";
import { runEcho } from "./grpc-server.ts";
import { batchTarget } from "./grpc-targets.ts";

export const batchEcho: Contestant = {
  name: "echo batch",
  what: `the same, ${BATCH_COUNT} in a message`,
  decisionsPerCall: BATCH_COUNT,
  callers: BATCH_CALLERS,
  alsoLatency: false,
  start: () => runEcho(batchTarget),
};
