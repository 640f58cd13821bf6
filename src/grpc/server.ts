import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { StileError } from "../core/errors.ts";
import {
  type InputOf,
  type KindOf,
  type MethodName,
  methodsOf,
  type OutputInitOf,
  type Unreadable,
  type WireService,
} from "../wire/methods.ts";

type Handler<Kind, I, O> = Kind extends "unary"
  ? handleUnaryCall<I | Unreadable, O>
  : Kind extends "client_streaming"
    ? handleClientStreamingCall<I | Unreadable, O>
    : Kind extends "server_streaming"
      ? handleServerStreamingCall<I | Unreadable, O>
      : handleBidiStreamingCall<I | Unreadable, O>;

/** The handlers that a service must have, each of its kind and with its messages. */
export type HandlersOf<S extends WireService> = {
  readonly [K in MethodName<S>]: Handler<KindOf<S, K>, InputOf<S, K>, OutputInitOf<S, K>>;
};

/** One service with its handlers. */
export interface ServiceBinding {
  readonly service: WireService;
  readonly handlers: UntypedServiceImplementation;
}

/** Binds handlers to a service; the compiler finds a missing method or a wrong message. */
export function bindService<S extends WireService>(
  service: S,
  handlers: HandlersOf<S>,
): ServiceBinding {
  return { service, handlers: { ...handlers } };
}

export interface GrpcServer {
  /** `host:port` as bound. */
  readonly address: string;
  /** Takes no new call, lets those under way end within `graceMs`, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

/** Largest message taken or given, in bytes. A batch of 1,000 requests fits with room. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Serves the bindings on a plaintext port.
 *
 * @param address `host:port`; port 0 takes a free one.
 * @throws StileError `invalid_config` when the address cannot be bound.
 */
export async function serveGrpc(
  address: string,
  bindings: readonly ServiceBinding[],
): Promise<GrpcServer> {
  // grpc-js writes to standard error beside our log; what matters of it comes as errors.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
  });
  for (const { service, handlers } of bindings) {
    server.addService(definitionOf(service), handlers);
  }
  const port = await bind(server, address);
  const host = address.slice(0, address.lastIndexOf(":"));
  return { address: `${host}:${port}`, close: (graceMs) => close(server, graceMs) };
}

function definitionOf(service: WireService) {
  return Object.fromEntries(
    [...methodsOf(service)].map(([name, method]) => [
      name,
      {
        path: method.path,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: method.requestToBytes,
        requestDeserialize: method.requestFromBytes,
        responseSerialize: method.responseToBytes,
        responseDeserialize: method.responseFromBytes,
      },
    ]),
  );
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else
        reject(new StileError("invalid_config", `listen for gRPC on ${address}`, { cause: error }));
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
