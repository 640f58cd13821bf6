import {
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { FieldViolation } from "../core/errors.ts";
import { errorFromStatusBytes } from "../wire/error-status.ts";
import {
  clientMethodOf,
  type InputInitOf,
  type MethodName,
  type OutputOf,
  type WireService,
} from "../wire/methods.ts";

/** A call that failed. Whatever the reason, it is not an allow. */
export class CallError extends Error {
  /** gRPC status name, such as `UNAVAILABLE`. */
  readonly status: string;
  /** Stile's stable reason, such as `invalid_request`; "" where the server gave none. */
  readonly reason: string;
  readonly violations: readonly FieldViolation[];

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.name = "CallError";
    this.status = status[error.code];
    const bytes = error.metadata?.get("grpc-status-details-bin")[0];
    const detail = bytes instanceof Buffer ? errorFromStatusBytes(bytes) : undefined;
    this.reason = detail?.reason ?? "";
    this.violations = detail?.violations ?? [];
  }
}

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED beyond. Default 5,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A stream of messages sent one by one and answered one by one. */
export interface Duplex<I, O> {
  /** Resolves once the transport takes more, or the call has ended; `messages` tells how it did. */
  send(message: I): Promise<void>;
  /** No more will be sent. */
  end(): void;
  readonly messages: AsyncIterable<O>;
}

const DEADLINE_MS = 5_000;

/** A connection to one server: typed calls over one channel. */
export class Connection {
  readonly #client: Client;

  /** @param address `host:port`, plaintext. */
  constructor(address: string, options: ClientOptions = {}) {
    this.#client = new Client(address, credentials.createInsecure(), options);
  }

  /** @throws CallError */
  unary<S extends WireService, K extends MethodName<S>>(
    service: S,
    name: K,
    request: InputInitOf<S, K>,
    options: CallOptions = {},
  ): Promise<OutputOf<S, K>> {
    const method = clientMethodOf(service, name);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<InputInitOf<S, K>, OutputOf<S, K>>(
        method.path,
        method.requestToBytes,
        method.responseFromBytes,
        request,
        new Metadata(),
        { deadline: Date.now() + (options.deadlineMs ?? DEADLINE_MS) },
        (error, response) => {
          if (error !== null) reject(new CallError(error));
          else if (response !== undefined) resolve(response);
        },
      );
      cancelOn(options.signal, call);
    });
  }

  /** Sends all messages, then takes the one response. @throws CallError */
  clientStream<S extends WireService, K extends MethodName<S>>(
    service: S,
    name: K,
    requests: Iterable<InputInitOf<S, K>>,
    options: CallOptions = {},
  ): Promise<OutputOf<S, K>> {
    const method = clientMethodOf(service, name);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest<InputInitOf<S, K>, OutputOf<S, K>>(
        method.path,
        method.requestToBytes,
        method.responseFromBytes,
        new Metadata(),
        { deadline: Date.now() + (options.deadlineMs ?? DEADLINE_MS) },
        (error, response) => {
          if (error !== null) reject(new CallError(error));
          else if (response !== undefined) resolve(response);
        },
      );
      cancelOn(options.signal, call);
      for (const request of requests) call.write(request);
      call.end();
    });
  }

  /** Yields the responses; leaving the loop cancels the call. @throws CallError */
  async *serverStream<S extends WireService, K extends MethodName<S>>(
    service: S,
    name: K,
    request: InputInitOf<S, K>,
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<OutputOf<S, K>> {
    const method = clientMethodOf(service, name);
    const call = this.#client.makeServerStreamRequest<InputInitOf<S, K>, OutputOf<S, K>>(
      method.path,
      method.requestToBytes,
      method.responseFromBytes,
      request,
      new Metadata(),
      {},
    );
    cancelOn(options.signal, call);
    yield* received(call, endingOf(call), options.signal);
  }

  duplex<S extends WireService, K extends MethodName<S>>(
    service: S,
    name: K,
    options: { readonly signal?: AbortSignal } = {},
  ): Duplex<InputInitOf<S, K>, OutputOf<S, K>> {
    const method = clientMethodOf(service, name);
    const call = this.#client.makeBidiStreamRequest<InputInitOf<S, K>, OutputOf<S, K>>(
      method.path,
      method.requestToBytes,
      method.responseFromBytes,
      new Metadata(),
      {},
    );
    cancelOn(options.signal, call);
    const ending = endingOf(call);
    const waiting = new Set<() => void>();
    const release = (): void => {
      for (const resolve of waiting) resolve();
      waiting.clear();
    };
    call.on("drain", release);
    call.on("error", release);
    call.on("status", release);
    return {
      send: (message) =>
        new Promise((resolve) => {
          if (ending.isOver || call.write(message)) resolve();
          else waiting.add(resolve);
        }),
      end: () => call.end(),
      messages: received(call, ending, options.signal),
    };
  }

  close(): void {
    this.#client.close();
  }
}

interface Cancellable extends NodeJS.EventEmitter {
  cancel(): void;
}

/** The signal may outlive the call by far, so it is let go when the call ends. */
function cancelOn(signal: AbortSignal | undefined, call: Cancellable): void {
  if (signal === undefined) return;
  if (signal.aborted) {
    call.cancel();
    return;
  }
  const cancel = (): void => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  call.once("status", () => signal.removeEventListener("abort", cancel));
}

interface Ending {
  isOver: boolean;
  error: Error | undefined;
}

/**
 * Keeps how a call ended. It may fail while nobody reads its messages: without a listener that
 * would end the process, and a loop begun later would take the failure for a good end.
 */
function endingOf(call: NodeJS.EventEmitter): Ending {
  const ending: Ending = { isOver: false, error: undefined };
  call.on("error", (error: Error) => {
    ending.isOver = true;
    ending.error = error;
  });
  call.on("status", () => {
    ending.isOver = true;
  });
  return ending;
}

async function* received<O>(
  call: AsyncIterable<O> & Cancellable,
  ending: Ending,
  signal: AbortSignal | undefined,
): AsyncGenerator<O> {
  try {
    for await (const message of call) yield message;
    if (ending.error !== undefined) throw ending.error;
  } catch (thrown) {
    if (signal?.aborted === true) return;
    throw isServiceError(thrown) ? new CallError(thrown) : thrown;
  } finally {
    call.cancel();
  }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && "code" in thrown && "details" in thrown;
}
