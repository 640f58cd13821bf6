import { type DecideResponse, DecisionService } from "../../../src/wire/messages.ts";
import { type Answered, GrpcWire, type WireStream } from "../grpc-wire.ts";
import type { Input } from "../inputs.ts";
import type { Target } from "../load.ts";
import {
  BATCH_COUNT,
  batchFrame,
  batchResponseFrom,
  inputAt,
  requestFrame,
  responseFrom,
} from "../messages.ts";
import { CONNECTIONS } from "./contestant.ts";

/** @returns what is wrong with an answer to an input; undefined for nothing. */
export type FaultOf = (response: DecideResponse, input: Input | undefined) => string | undefined;

/** A target with its connections. */
export interface GrpcTarget extends Target {
  close(): void;
}

const PATH = `/${DecisionService.typeName}/`;
/** Batches differ by the input they begin with; after five the mix of 40 begins anew. */
const BATCH_FRAMES = 5;

/** Each call a unary Decide, over the connections in turn. */
export async function unaryTarget(address: string, faultOf: FaultOf): Promise<GrpcTarget> {
  const wires = await openWires(address);
  let turn = 0;
  return {
    call: (done) => {
      const input = inputAt(turn);
      const requestId = `u-${turn}`;
      const frame = requestFrame(turn, requestId);
      wireAt(wires, turn).unary(`${PATH}Decide`, frame, (message) =>
        done(faultIn(message, requestId, input, faultOf)),
      );
      turn += 1;
    },
    close: () => closeAll(wires),
  };
}

/** Each call a message on one of the streams, one stream a connection. */
export async function streamTarget(address: string, faultOf: FaultOf): Promise<GrpcTarget> {
  const wires = await openWires(address);
  const waiting = new Map<
    string,
    { readonly turn: number; readonly done: (fault?: string) => void }
  >();
  const answered: Answered = (message) => {
    if (message instanceof Error) {
      for (const { done } of waiting.values()) done(message.message);
      waiting.clear();
      return;
    }
    const response = responseFrom(message);
    const call = waiting.get(response.requestId);
    waiting.delete(response.requestId);
    call?.done(faultOf(response, inputAt(call.turn)));
  };
  const streams: readonly WireStream[] = wires.map((wire) =>
    wire.stream(`${PATH}DecideStream`, answered),
  );
  let turn = 0;
  return {
    call: (done) => {
      const requestId = `s-${turn}`;
      waiting.set(requestId, { turn, done });
      streams[turn % streams.length]?.write(requestFrame(turn, requestId));
      turn += 1;
    },
    close: () => {
      for (const stream of streams) stream.end();
      closeAll(wires);
    },
  };
}

/** Each call a DecideBatch. */
export async function batchTarget(address: string, faultOf: FaultOf): Promise<GrpcTarget> {
  const wires = await openWires(address);
  const frames = Array.from({ length: BATCH_FRAMES }, (_, batch) =>
    batchFrame(batch * BATCH_COUNT),
  );
  let turn = 0;
  return {
    call: (done) => {
      const batch = turn % BATCH_FRAMES;
      const frame = frames[batch] ?? Buffer.alloc(0);
      wireAt(wires, turn).unary(`${PATH}DecideBatch`, frame, (message) =>
        done(faultInBatch(message, batch * BATCH_COUNT, faultOf)),
      );
      turn += 1;
    },
    close: () => closeAll(wires),
  };
}

function faultIn(
  message: Buffer | Error,
  requestId: string,
  input: Input | undefined,
  faultOf: FaultOf,
): string | undefined {
  if (message instanceof Error) return message.message;
  const response = responseFrom(message);
  if (response.requestId !== requestId) {
    return `asked as ${requestId}, answered as ${response.requestId}`;
  }
  return faultOf(response, input);
}

function faultInBatch(
  message: Buffer | Error,
  firstTurn: number,
  faultOf: FaultOf,
): string | undefined {
  if (message instanceof Error) return message.message;
  const { responses } = batchResponseFrom(message);
  if (responses.length !== BATCH_COUNT) return `${responses.length} answers to ${BATCH_COUNT}`;
  for (const [offset, response] of responses.entries()) {
    const fault = faultOf(response, inputAt(firstTurn + offset));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

async function openWires(address: string): Promise<readonly GrpcWire[]> {
  const wires = Array.from({ length: CONNECTIONS }, () => new GrpcWire(address));
  await Promise.all(wires.map((wire) => wire.opened()));
  return wires;
}

function wireAt(wires: readonly GrpcWire[], turn: number): GrpcWire {
  const wire = wires[turn % wires.length];
  if (wire === undefined) throw new Error("no connection is open");
  return wire;
}

function closeAll(wires: readonly GrpcWire[]): void {
  for (const wire of wires) wire.close();
}
