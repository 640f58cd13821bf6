import type {
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerReadableStream,
  ServerWritableStream,
} from "@grpc/grpc-js";
import { asError, describeError, StileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { Unreadable } from "../wire/methods.ts";
import { serviceErrorOf } from "./status.ts";

/** A request message could not be read: the caller's fault, said once for every method. */
export function unreadable(message: Unreadable): StileError {
  return new StileError(
    "invalid_request",
    `the request is not a valid protobuf message: ${message.cause.message}`,
  );
}

/** Turns an async function into a unary handler; what it throws ends the call with its status. */
export function unary<I, O>(
  log: Log,
  answer: (request: I) => Promise<O>,
): handleUnaryCall<I | Unreadable, O> {
  return (call, callback) => {
    const { request } = call;
    if (request instanceof Unreadable) {
      callback(serviceErrorOf(unreadable(request)));
      return;
    }
    // An answer that throws at once fails like one that rejects.
    const attempt = async (): Promise<O> => answer(request);
    attempt().then(
      (response) => callback(null, response),
      (thrown: unknown) => {
        logOurs(log, call.getPath(), thrown);
        callback(serviceErrorOf(thrown));
      },
    );
  };
}

/** Turns an async function over the incoming messages into a client-streaming handler. */
export function clientStream<I, O>(
  log: Log,
  answer: (requests: AsyncIterable<I>) => Promise<O>,
): handleClientStreamingCall<I | Unreadable, O> {
  return (call, callback) => {
    answer(messagesOf<I>(call)).then(
      (response) => callback(null, response),
      (thrown: unknown) => {
        logOurs(log, call.getPath(), thrown);
        callback(serviceErrorOf(thrown));
      },
    );
  };
}

/** Turns an async generator into a server-streaming handler; it is aborted when the caller leaves. */
export function serverStream<I, O>(
  log: Log,
  live: LiveStreams,
  answer: (request: I, signal: AbortSignal) => AsyncIterable<O>,
): handleServerStreamingCall<I | Unreadable, O> {
  return (call) => {
    void pump(log, live, call, answer);
  };
}

async function pump<I, O>(
  log: Log,
  live: LiveStreams,
  call: ServerWritableStream<I | Unreadable, O>,
  answer: (request: I, signal: AbortSignal) => AsyncIterable<O>,
): Promise<void> {
  const gone = new AbortController();
  const release = live.add(gone);
  call.on("cancelled", () => gone.abort());
  call.on("error", () => gone.abort());
  try {
    if (call.request instanceof Unreadable) throw unreadable(call.request);
    for await (const message of answer(call.request, gone.signal)) {
      if (gone.signal.aborted) break;
      if (!call.write(message)) await drained(call, gone.signal);
    }
    if (live.ending)
      throw new StileError("shutting_down", "the server is shutting down; call again");
    call.end();
  } catch (thrown) {
    logOurs(log, call.getPath(), thrown);
    call.emit("error", serviceErrorOf(thrown));
  } finally {
    release();
  }
}

/** Waits until a stream takes more, or until its caller is gone. */
export function drained(stream: NodeJS.EventEmitter, gone: AbortSignal): Promise<void> {
  if (gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.removeListener("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    stream.on("drain", done);
    gone.addEventListener("abort", done);
  });
}

/** The streams that are open, so that a drain can end them. */
export class LiveStreams {
  readonly #open = new Set<AbortController>();
  ending = false;

  /** @returns what to call when the stream has ended. */
  add(stream: AbortController): () => void {
    if (this.ending) stream.abort();
    this.#open.add(stream);
    return () => this.#open.delete(stream);
  }

  /** What was set before this call still reaches those who watch it: a turn later, all end. */
  endAll(): void {
    this.ending = true;
    setImmediate(() => {
      for (const stream of this.#open) stream.abort();
    });
  }
}

async function* messagesOf<I>(
  call: ServerReadableStream<I | Unreadable, unknown>,
): AsyncGenerator<I> {
  const messages: AsyncIterable<I | Unreadable> = call;
  for await (const message of messages) {
    if (message instanceof Unreadable) throw unreadable(message);
    yield message;
  }
}

/** Logs what is a fault of ours, with its chain; the caller sees only the short sentence. */
export function logOurs(log: Log, path: string, thrown: unknown): void {
  const ours = !(thrown instanceof StileError) || thrown.code === "internal";
  if (ours)
    log.error("call_failed", { path, cause: describeError(thrown), at: firstFrame(thrown) });
}

function firstFrame(thrown: unknown): string {
  return asError(thrown).stack?.split("\n")[1]?.trim() ?? "";
}
