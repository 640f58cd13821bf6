import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { CallError } from "../../src/client/stile-client.ts";

/** Calls by bytes, for what no typed client would send. */
export interface RawClient {
  /** A call of one message and one answer. @throws CallError */
  unary(path: string, bytes: Uint8Array): Promise<Buffer>;
  /** A call that sends these messages and takes one answer. @throws CallError */
  clientStream(path: string, messages: readonly Uint8Array[]): Promise<Buffer>;
  close(): void;
}

const asIs = (bytes: Buffer): Buffer => bytes;
const DEADLINE_MS = 10_000;

export function rawClient(address: string): RawClient {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_send_message_length": -1,
  });
  const deadline = () => ({ deadline: Date.now() + DEADLINE_MS });
  return {
    unary: (path, bytes) =>
      new Promise((resolve, reject) => {
        const answer = answered(resolve, reject);
        const metadata = new Metadata();
        client.makeUnaryRequest(path, asIs, asIs, Buffer.from(bytes), metadata, deadline(), answer);
      }),
    clientStream: (path, messages) =>
      new Promise((resolve, reject) => {
        const answer = answered(resolve, reject);
        const call = client.makeClientStreamRequest(
          path,
          asIs,
          asIs,
          new Metadata(),
          deadline(),
          answer,
        );
        for (const message of messages) call.write(Buffer.from(message));
        call.end();
      }),
    close: () => client.close(),
  };
}

function answered(resolve: (bytes: Buffer) => void, reject: (error: Error) => void) {
  return (error: ServiceError | null, bytes?: Buffer): void => {
    if (error !== null) reject(new CallError(error));
    else resolve(bytes ?? Buffer.alloc(0));
  };
}
