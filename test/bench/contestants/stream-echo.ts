import { CALLERS, type Contestant } from "./contestant.ts";
import { runEcho } from "./grpc-server.ts";
import { streamTarget } from "./grpc-targets.ts";

export const streamEcho: Contestant = {
  name: "echo stream",
  what: "the same, on a bidirectional stream a connection",
  decisionsPerCall: 1,
  callers: CALLERS,
  alsoLatency: true,
  start: () => runEcho(streamTarget),
};
