import type { handleUnaryCall, ServerDuplexStream } from "@grpc/grpc-js";
import type { Decision, DecisionRequest } from "../core/decision.ts";
import { StileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { invalidRequest, requestFromMessage } from "../wire/decision-request.ts";
import { messageFromDecision, messageFromRefusal } from "../wire/decision-response.ts";
import { statusMessageFromError } from "../wire/error-status.ts";
import type {
  DecideBatchRequest,
  DecideBatchResponse,
  DecideRequest,
  DecideResponse,
} from "../wire/messages.ts";
import { Unreadable } from "../wire/methods.ts";
import { type LiveStreams, logOurs, unreadable } from "./handlers.ts";
import { serviceErrorOf, wireErrorOf } from "./status.ts";

/** What this door needs of the decision path. */
export interface Decider {
  admit(request: DecisionRequest): void;
  decide(request: DecisionRequest, answered: (decision: Decision) => void): void;
}

export const BATCH_MAX = 1000;
/** Decided in one turn of the event loop, so that a full batch does not stall other callers. */
const BATCH_SLICE = 64;
/** Requests of one stream that may wait for their records at a time; reading pauses beyond. */
const STREAM_IN_FLIGHT_MAX = 256;

/** The handlers of stile.v1.DecisionService. The unary path makes no promise and no timer. */
export function decisionHandlers(parts: {
  readonly decider: Decider;
  readonly live: LiveStreams;
  readonly log: Log;
}) {
  const { decider, live, log } = parts;

  const decide: handleUnaryCall<DecideRequest | Unreadable, DecideResponse> = (call, callback) => {
    if (call.cancelled) return;
    try {
      const request = requestFromMessage(readable(call.request));
      decider.admit(request);
      decider.decide(request, (decision) => callback(null, messageFromDecision(decision)));
    } catch (thrown) {
      logOurs(log, call.getPath(), thrown);
      callback(serviceErrorOf(thrown));
    }
  };

  const decideBatch: handleUnaryCall<DecideBatchRequest | Unreadable, DecideBatchResponse> = (
    call,
    callback,
  ) => {
    let requests: readonly DecisionRequest[];
    try {
      requests = readBatch(readable(call.request));
      for (const request of requests) decider.admit(request);
    } catch (thrown) {
      logOurs(log, call.getPath(), thrown);
      callback(serviceErrorOf(thrown));
      return;
    }
    const responses: DecideResponse[] = [];
    let missing = requests.length;
    const decideFrom = (start: number): void => {
      if (call.cancelled) return;
      const end = Math.min(start + BATCH_SLICE, requests.length);
      for (const [offset, request] of requests.slice(start, end).entries()) {
        decider.decide(request, (decision) => {
          responses[start + offset] = messageFromDecision(decision);
          missing -= 1;
          if (missing === 0)
            callback(null, { $typeName: "stile.v1.DecideBatchResponse", responses });
        });
      }
      if (end < requests.length) setImmediate(decideFrom, end);
    };
    decideFrom(0);
  };

  const decideStream = (
    call: ServerDuplexStream<DecideRequest | Unreadable, DecideResponse>,
  ): void => {
    const gone = new AbortController();
    const release = live.add(gone);
    let inFlight = 0;
    let finished = false;
    const finishWhenIdle = (): void => {
      if (!finished || inFlight > 0) return;
      release();
      if (live.ending) call.emit("error", serviceErrorOf(shuttingDown()));
      else call.end();
    };
    const send = (response: DecideResponse): void => {
      if (call.cancelled) return;
      if (!call.write(response)) call.pause();
    };
    const finish = (): void => {
      finished = true;
      finishWhenIdle();
    };
    const refuse = (requestId: string, thrown: unknown): void => {
      logOurs(log, call.getPath(), thrown);
      send(messageFromRefusal(requestId, statusMessageFromError(wireErrorOf(thrown))));
    };
    call.on("drain", () => call.resume());
    call.on("data", (message: DecideRequest | Unreadable) => {
      if (finished) return;
      if (message instanceof Unreadable) {
        refuse("", unreadable(message));
        return;
      }
      try {
        const request = requestFromMessage(message);
        decider.admit(request);
        inFlight += 1;
        if (inFlight >= STREAM_IN_FLIGHT_MAX) call.pause();
        decider.decide(request, (decision) => {
          inFlight -= 1;
          send(messageFromDecision(decision));
          if (call.isPaused() && !call.writableNeedDrain) call.resume();
          finishWhenIdle();
        });
      } catch (thrown) {
        refuse(message.requestId, thrown);
      }
    });
    call.on("end", finish);
    call.on("cancelled", release);
    call.on("error", release);
    gone.signal.addEventListener("abort", finish);
  };

  return { decide, decideBatch, decideStream };
}

function readable<M>(message: M | Unreadable): M {
  if (message instanceof Unreadable) throw unreadable(message);
  return message;
}

function readBatch(message: DecideBatchRequest): readonly DecisionRequest[] {
  const count = message.requests.length;
  if (count === 0 || count > BATCH_MAX) {
    const description = `holds ${count} requests; 1 to ${BATCH_MAX} are accepted`;
    throw invalidRequest([{ field: "requests", description }]);
  }
  return message.requests.map((request, index) =>
    requestFromMessage(request, `requests[${index}].`),
  );
}

function shuttingDown(): StileError {
  return new StileError("shutting_down", "the server is shutting down; open a new stream");
}
