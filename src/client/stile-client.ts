import {
  type Answer,
  answerFromMessage,
  type Question,
  requestFromQuestion,
} from "../wire/decision-answer.ts";
import { DecisionService, FactorService, StepUpService } from "../wire/messages.ts";
import { type CallOptions, Connection } from "./connection.ts";

export type { Answer, AnswerChallenge, Question } from "../wire/decision-answer.ts";
export { CallError, type CallOptions } from "./connection.ts";

/** What a calling service needs of Stile. Every method rejects with CallError; none is an allow. */
export class StileClient {
  readonly connection: Connection;

  /** @param address `host:port` of the server, plaintext. */
  constructor(address: string) {
    this.connection = new Connection(address);
  }

  async decide(question: Question, options: CallOptions = {}): Promise<Answer> {
    const request = requestFromQuestion(question);
    return answerFromMessage(
      await this.connection.unary(DecisionService, "decide", request, options),
    );
  }

  /** @returns the answers in the order of the questions, of which there are 1 to 1,000. */
  async decideBatch(
    questions: readonly Question[],
    options: CallOptions = {},
  ): Promise<readonly Answer[]> {
    const requests = questions.map(requestFromQuestion);
    const batch = await this.connection.unary(
      DecisionService,
      "decideBatch",
      { requests },
      options,
    );
    return batch.responses.map(answerFromMessage);
  }

  /** Proves a challenge by a code. */
  verify(challengeId: string, code: string, options: CallOptions = {}) {
    return this.connection.unary(StepUpService, "verify", { challengeId, code }, options);
  }

  beginTotp(subject: { readonly type: string; readonly id: string }, currentCode = "") {
    return this.connection.unary(FactorService, "beginTotp", {
      subjectType: subject.type,
      subjectId: subject.id,
      currentCode,
    });
  }

  confirmTotp(enrolmentId: string, code: string) {
    return this.connection.unary(FactorService, "confirmTotp", { enrolmentId, code });
  }

  close(): void {
    this.connection.close();
  }
}
