import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Question, StileClient } from "../../src/client/stile-client.ts";
import { type Failure, failureFrom } from "./questions.ts";

/** Callers that ask one question after the other. */
export interface Load {
  /** In the order in which they came; those of one subject were asked one after the other. */
  readonly answers: readonly LoadAnswer[];
  readonly failures: readonly Failure[];
  /** No caller asks again; resolves when the last one has its answer. */
  stop(): Promise<void>;
}

export interface LoadAnswer {
  readonly decisionId: string;
  /** `type:id` */
  readonly subject: string;
  readonly kind: Answer["kind"];
  readonly reason: string;
  readonly digest: string;
  /** Of the audit record; 0 where there is none. */
  readonly sequence: number;
}

export interface LoadOptions {
  /** How many ask at once; each for a subject of its own at a time. */
  readonly callers: number;
  /** Rather than stop at the first failure, a caller waits a little and asks again. */
  readonly askAgain?: boolean;
  readonly client: StileClient;
}

const RETRY_MS = 20;

/** Begins to ask. The answers are of each kind: two thirds allow, some deny, some step up. */
export function startLoad({ client, callers, ...options }: LoadOptions): Load {
  const answers: LoadAnswer[] = [];
  const failures: Failure[] = [];
  const stopped = new AbortController();

  async function call(caller: number): Promise<void> {
    for (let asked = 0; !stopped.signal.aborted; asked += 1) {
      const question = questionOf(caller, asked);
      try {
        answers.push(answerOf(question, await client.decide(question, { deadlineMs: 20_000 })));
      } catch (thrown) {
        failures.push(failureFrom(thrown));
        if (options.askAgain !== true) return;
        await sleep(RETRY_MS);
      }
    }
  }

  const all = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return {
    answers,
    failures,
    async stop() {
      stopped.abort();
      await all;
    },
  };
}

function questionOf(caller: number, asked: number): Question {
  const subject = {
    type: "user",
    id: `caller-${caller}-${asked % 4}`,
    properties: { roles: ["senior_engineer"] },
  };
  const resource = { type: "service", id: "payments" };
  const context = { device_id: "laptop-1", country: "NL", session_id: `s-${caller}` };
  switch (asked % 10) {
    case 3:
      return { subject, resource, context, action: { name: "deploy.production" } };
    case 5:
    case 7:
      return {
        subject: { ...subject, properties: {} },
        resource,
        context,
        action: { name: "log.read" },
      };
    default:
      return { subject, resource, context, action: { name: "dashboard.read" } };
  }
}

function answerOf({ subject }: Question, answer: Answer): LoadAnswer {
  return {
    decisionId: answer.decisionId,
    subject: `${subject.type}:${subject.id}`,
    kind: answer.kind,
    reason: answer.reasons[0]?.code ?? "",
    digest: answer.policy.digest,
    sequence: answer.receipt?.sequence ?? 0,
  };
}
