import { onTestFinished } from "vitest";
import { Connection } from "../../src/client/connection.ts";
import type { Decision, DecisionRequest } from "../../src/core/decision.ts";
import type { Log, LogFields } from "../../src/core/telemetry.ts";
import { type Decider, decisionHandlers } from "../../src/grpc/decision-service.ts";
import { LiveStreams } from "../../src/grpc/handlers.ts";
import { bindService, type ServiceBinding, serveGrpc } from "../../src/grpc/server.ts";
import { DecisionService } from "../../src/wire/messages.ts";

/** What was logged, by event. */
export class KeptLog implements Log {
  readonly events: { readonly event: string; readonly fields: LogFields }[] = [];

  debug(event: string, fields: LogFields = {}): void {
    this.events.push({ event, fields });
  }
  info(event: string, fields: LogFields = {}): void {
    this.debug(event, fields);
  }
  warn(event: string, fields: LogFields = {}): void {
    this.debug(event, fields);
  }
  error(event: string, fields: LogFields = {}): void {
    this.debug(event, fields);
  }
}

/** A decision path that keeps what it is asked and answers when told to. */
export class HeldDecider implements Decider {
  readonly held: { readonly request: DecisionRequest; readonly answer: () => void }[] = [];
  admit: (request: DecisionRequest) => void = () => undefined;

  decide(request: DecisionRequest, answered: (decision: Decision) => void): void {
    this.held.push({ request, answer: () => answered(allowFor(request)) });
  }
}

/** A decision path that allows at once, as a journal write later in the turn does. */
export function allowAll(): Decider & { readonly seen: DecisionRequest[] } {
  const seen: DecisionRequest[] = [];
  return {
    seen,
    admit: () => undefined,
    decide(request, answered) {
      seen.push(request);
      setImmediate(() => answered(allowFor(request)));
    },
  };
}

export function allowFor(request: DecisionRequest): Decision {
  return {
    kind: "allow",
    reasons: [{ code: "because", message: "Because." }],
    obligations: [],
    decisionId: `d-${request.requestId}`,
    policy: { name: "default", revision: "r1", digest: `sha256:${"a".repeat(64)}` },
    cost: 1,
    receipt: undefined,
    requestId: request.requestId,
  };
}

/** Serves for the time of one test. */
export async function serveForTest(
  ...bindings: readonly ServiceBinding[]
): Promise<{ readonly address: string; readonly connection: Connection; close(): Promise<void> }> {
  const server = await serveGrpc("127.0.0.1:0", bindings);
  const connection = new Connection(server.address);
  onTestFinished(async () => {
    connection.close();
    await server.close(0);
  });
  return { address: server.address, connection, close: () => server.close(0) };
}

/** Serves the decision service over a decision path. */
export async function serveDecider(decider: Decider) {
  const live = new LiveStreams();
  const log = new KeptLog();
  const handlers = decisionHandlers({ decider, live, log });
  const served = await serveForTest(bindService(DecisionService, handlers));
  return { ...served, live, log };
}

/** The least that a request must have. */
export const REQUEST = {
  subject: { type: "user", id: "ada" },
  action: { name: "deploy.production" },
  resource: { type: "service", id: "payments" },
};
