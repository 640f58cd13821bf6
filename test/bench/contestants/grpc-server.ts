import { feedFeatures, feedSignals } from "../feed.ts";
import { runLoad } from "../load.ts";
import { echoFaultOf, faultOf } from "../messages.ts";
import { benchProgram } from "../places.ts";
import { startServer, startStile } from "../server-process.ts";
import type { Running } from "./contestant.ts";
import type { FaultOf, GrpcTarget } from "./grpc-targets.ts";

/** Opens what calls a server. */
export type OpenTarget = (address: string, faultOf: FaultOf) => Promise<GrpcTarget>;

/** Starts an echo server and connects to it. */
export async function runEcho(openTarget: OpenTarget): Promise<Running> {
  const server = await startServer({
    program: process.execPath,
    args: [benchProgram("servers/echo-server.js")],
    told: /serving on (\S+)/,
  });
  const target = await openTarget(server.address, echoFaultOf);
  return {
    pid: server.pid,
    refresh: () => Promise.resolve(),
    load: (load) => runLoad(target, load),
    stop: async () => {
      target.close();
      await server.stop();
    },
  };
}

/** Starts a Stile, tells it what happened so far, and connects to it. */
export async function runStile(
  stile: Parameters<typeof startStile>[0],
  openTarget: OpenTarget,
): Promise<Running> {
  const server = await startStile(stile);
  await feedSignals(server.address);
  await feedFeatures(server.address);
  const target = await openTarget(server.address, faultOf);
  return {
    pid: server.pid,
    refresh: () => feedFeatures(server.address),
    load: (load) => runLoad(target, load),
    stop: async () => {
      target.close();
      await server.stop();
    },
  };
}
