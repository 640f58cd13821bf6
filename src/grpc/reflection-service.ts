import type { ServerDuplexStream } from "@grpc/grpc-js";
import { Unreadable, type WireService } from "../wire/methods.ts";
import {
  createReflection,
  type ReflectionRequest,
  type ReflectionResponse,
} from "../wire/reflection.ts";
import { unreadable } from "./handlers.ts";
import { serviceErrorOf } from "./status.ts";

/** The handlers of grpc.reflection.v1.ServerReflection, over the services given. */
export function reflectionHandlers(services: readonly WireService[]) {
  const answer = createReflection(services);
  return {
    serverReflectionInfo: (
      call: ServerDuplexStream<ReflectionRequest | Unreadable, ReflectionResponse>,
    ): void => {
      call.on("data", (request: ReflectionRequest | Unreadable) => {
        if (request instanceof Unreadable) call.emit("error", serviceErrorOf(unreadable(request)));
        else call.write(answer(request));
      });
      call.on("end", () => call.end());
    },
  };
}
