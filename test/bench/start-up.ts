import { GrpcWire } from "./grpc-wire.ts";
import { faultOf, inputAt, requestFrame, responseFrom } from "./messages.ts";
import { startStile } from "./server-process.ts";

/** @returns ms from spawning a Stile with a new data directory to its first answer. */
export async function firstAnswerMs(main: string): Promise<number> {
  const startedAt = performance.now();
  const server = await startStile({ main });
  const wire = new GrpcWire(server.address);
  try {
    const message = await new Promise<Buffer | Error>((resolve) => {
      wire.unary("/stile.v1.DecisionService/Decide", requestFrame(0, "first"), resolve);
    });
    const takenMs = performance.now() - startedAt;
    if (message instanceof Error) throw message;
    // The first question of the mix reads no feature: nothing was fed.
    const fault = faultOf(responseFrom(message), inputAt(0));
    if (fault !== undefined) throw new Error(fault);
    return takenMs;
  } finally {
    wire.close();
    await server.stop();
  }
}
