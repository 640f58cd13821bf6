import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import { FRAME_HEAD_BYTES } from "./messages.ts";

/** A message, or why there is none. */
export type Answered = (message: Buffer | Error) => void;

export interface WireStream {
  write(frame: Buffer): void;
  end(): void;
}

/**
 * One HTTP/2 connection that speaks gRPC, no more than the loader needs. A grpc-js client costs
 * about as much as the server that is measured, so it would be the bound on two cores.
 */
export class GrpcWire {
  readonly #session: ClientHttp2Session;
  readonly #opened: Promise<void>;

  /** @param address `host:port` */
  constructor(address: string) {
    this.#session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW_BYTES } });
    this.#opened = new Promise((resolve, reject) => {
      this.#session.once("connect", () => {
        this.#session.setLocalWindowSize(WINDOW_BYTES);
        resolve();
      });
      this.#session.once("error", reject);
    });
    // Each call under way is told by its own stream.
    this.#session.on("error", () => undefined);
  }

  opened(): Promise<void> {
    return this.#opened;
  }

  /** Sends one framed message; the answer comes later, once. */
  unary(path: string, frame: Buffer, answered: Answered): void {
    const stream = this.#session.request(headersOf(path, UNARY_DEADLINE));
    let body: Buffer = NOTHING;
    let status: string | undefined;
    let ended = false;
    let told = false;
    const tell = (outcome: Buffer | Error): void => {
      if (told) return;
      told = true;
      answered(outcome);
    };
    const tellWhenWhole = (): void => {
      if (!ended || status === undefined) return;
      tell(status === "0" ? body.subarray(FRAME_HEAD_BYTES) : new Error(`gRPC status ${status}`));
    };
    stream.on("data", (chunk: Buffer) => {
      body = body.length === 0 ? chunk : Buffer.concat([body, chunk]);
    });
    const readStatus = (headers: { readonly "grpc-status"?: unknown }): void => {
      const value = headers["grpc-status"];
      if (typeof value !== "string") return;
      status = value;
      tellWhenWhole();
    };
    stream.on("response", readStatus);
    stream.on("trailers", readStatus);
    stream.on("end", () => {
      ended = true;
      tellWhenWhole();
    });
    stream.on("error", tell);
    stream.on("close", () => tell(new Error("the stream closed without a status")));
    stream.end(frame);
  }

  /** Opens a bidirectional call; `answered` is called for each message, and for its failure. */
  stream(path: string, answered: Answered): WireStream {
    const stream = this.#session.request(headersOf(path, {}));
    let rest: Buffer = NOTHING;
    let isOver = false;
    stream.on("data", (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= FRAME_HEAD_BYTES) {
        const end = FRAME_HEAD_BYTES + rest.readUInt32BE(1);
        if (rest.length < end) break;
        answered(rest.subarray(FRAME_HEAD_BYTES, end));
        rest = rest.subarray(end);
      }
    });
    stream.on("error", answered);
    stream.on("close", () => {
      if (!isOver) answered(new Error("the server ended the stream"));
    });
    return {
      write: (frame) => stream.write(frame),
      end: () => {
        isOver = true;
        stream.end();
      },
    };
  }

  close(): void {
    this.#session.destroy();
  }
}

const WINDOW_BYTES = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
/** As Stile's own client sends it: the server then keeps a timer for each call. */
const UNARY_DEADLINE: OutgoingHttpHeaders = { "grpc-timeout": "5S" };

function headersOf(path: string, more: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return {
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: path,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-accept-encoding": "identity,deflate,gzip",
    "user-agent": "stile-bench",
    ...more,
  };
}
