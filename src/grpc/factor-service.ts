import type { Factors } from "../core/step-up.ts";
import type { Log } from "../core/telemetry.ts";
import type {
  BeginTotpRequest,
  ConfirmTotpRequest,
  ListRequest,
  RemoveRequest,
} from "../wire/messages.ts";
import { messageFromFactors, subjectFromFields } from "../wire/step-up.ts";
import { unary } from "./handlers.ts";

/** The handlers of stile.v1.FactorService. */
export function factorHandlers(parts: { readonly factors: Factors; readonly log: Log }) {
  const { factors, log } = parts;
  return {
    beginTotp: unary(log, (request: BeginTotpRequest) =>
      factors.beginTotp(subjectFromFields(request), request.currentCode),
    ),
    confirmTotp: unary(log, (request: ConfirmTotpRequest) =>
      factors.confirmTotp(request.enrolmentId, request.code),
    ),
    list: unary(log, async (request: ListRequest) =>
      messageFromFactors(await factors.list(subjectFromFields(request))),
    ),
    remove: unary(log, async (request: RemoveRequest) => {
      await factors.remove(subjectFromFields(request), request.factorId, request.code);
      return {};
    }),
  };
}
