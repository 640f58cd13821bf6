import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Question, requestFromQuestion } from "../../src/wire/decision-answer.ts";
import {
  type DecideBatchResponse,
  type DecideRequest,
  DecideRequestSchema,
  type DecideResponse,
  DecisionService,
  Outcome,
} from "../../src/wire/messages.ts";
import { INPUTS, type Input } from "./inputs.ts";

const { decide, decideBatch } = DecisionService.method;

/** Decisions of one DecideBatch. */
export const BATCH_COUNT = 64;

export function messageOf(question: Question): DecideRequest {
  return create(DecideRequestSchema, requestFromQuestion(question));
}

const INPUT_BYTES = INPUTS.map(({ question }) =>
  toBinary(DecideRequestSchema, messageOf(question)),
);

/**
 * @param turn counts the requests; the mix goes round.
 * @returns a DecideRequest as a gRPC frame. The question's bytes are made once; only the id of the
 *   request is put behind them, which protobuf reads as one message.
 */
export function requestFrame(turn: number, requestId: string): Buffer {
  const question = INPUT_BYTES[turn % INPUT_BYTES.length] ?? Buffer.alloc(0);
  const idBytes = Buffer.byteLength(requestId);
  const frame = framed(question.length + 2 + idBytes);
  frame.set(question, FRAME_HEAD_BYTES);
  const idAt = FRAME_HEAD_BYTES + question.length;
  frame[idAt] = REQUEST_ID_TAG;
  frame[idAt + 1] = idBytes;
  frame.write(requestId, idAt + 2);
  return frame;
}

/** @returns a DecideBatchRequest as a gRPC frame, with the requests from `turn` on. */
export function batchFrame(turn: number): Buffer {
  const requests = Array.from({ length: BATCH_COUNT }, (_, offset) => {
    const bytes = INPUT_BYTES[(turn + offset) % INPUT_BYTES.length] ?? Buffer.alloc(0);
    return fromBinary(DecideRequestSchema, bytes);
  });
  const bytes = toBinary(decideBatch.input, create(decideBatch.input, { requests }));
  const frame = framed(bytes.length);
  frame.set(bytes, FRAME_HEAD_BYTES);
  return frame;
}

export function inputAt(turn: number): Input | undefined {
  return INPUTS[turn % INPUTS.length];
}

export function responseFrom(bytes: Buffer): DecideResponse {
  return fromBinary(decide.output, bytes);
}

export function batchResponseFrom(bytes: Buffer): DecideBatchResponse {
  return fromBinary(decideBatch.output, bytes);
}

/** @returns what is wrong with a decision; undefined when it is the one wanted, and recorded. */
export function faultOf(response: DecideResponse, input: Input | undefined): string | undefined {
  const outcome = OUTCOMES.get(response.outcome);
  const reason = response.reasons[0]?.code;
  if (input === undefined || outcome !== input.outcome || reason !== input.reason) {
    return `wanted ${input?.outcome} (${input?.reason}), got ${outcome} (${reason}: ${response.reasons[0]?.message}) for ${JSON.stringify(input?.question)}`;
  }
  return response.receipt?.hash.length === 32 ? undefined : "the decision has no receipt";
}

/** @returns what is wrong with an echo server's answer. */
export function echoFaultOf(response: DecideResponse): string | undefined {
  return response.outcome === Outcome.ALLOW ? undefined : "the echo is not the fixed answer";
}

const OUTCOMES: ReadonlyMap<Outcome, Input["outcome"]> = new Map([
  [Outcome.ALLOW, "allow"],
  [Outcome.DENY, "deny"],
  [Outcome.STEP_UP, "step_up"],
]);

/** A byte for compression, four for the length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const FRAME_HEAD_BYTES = 5;
/** Field 9, length-delimited. */
const REQUEST_ID_TAG = (9 << 3) | 2;

function framed(messageBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + messageBytes);
  frame[0] = 0;
  frame.writeUInt32BE(messageBytes, 1);
  return frame;
}
