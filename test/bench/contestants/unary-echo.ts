import { CALLERS, type Contestant } from "./contestant.ts";
import { runEcho } from "./grpc-server.ts";
import { unaryTarget } from "./grpc-targets.ts";

export const unaryEcho: Contestant = {
  name: "echo",
  what: "grpc-js, protobuf-es, a fixed answer",
  decisionsPerCall: 1,
  callers: CALLERS,
  alsoLatency: true,
  start: () => runEcho(unaryTarget),
};
