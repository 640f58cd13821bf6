import type { StepUp } from "../core/step-up.ts";
import type { Log } from "../core/telemetry.ts";
import type {
  GetChallengeRequest,
  RejectRequest,
  VerifyRequest,
  WatchRequest,
} from "../wire/messages.ts";
import { messageFromGrant, messageFromState, messageFromView } from "../wire/step-up.ts";
import { type LiveStreams, serverStream, unary } from "./handlers.ts";

/** The handlers of stile.v1.StepUpService. */
export function stepUpHandlers(parts: {
  readonly stepUp: StepUp;
  readonly live: LiveStreams;
  readonly log: Log;
}) {
  const { stepUp, live, log } = parts;
  return {
    getChallenge: unary(log, async (request: GetChallengeRequest) =>
      messageFromView(await stepUp.view(request.challengeId)),
    ),
    verify: unary(log, async (request: VerifyRequest) =>
      messageFromGrant(await stepUp.verify(request.challengeId, request.code)),
    ),
    reject: unary(log, async (request: RejectRequest) => {
      await stepUp.reject(request.challengeId);
      return {};
    }),
    watch: serverStream(log, live, async function* (request: WatchRequest, signal) {
      for await (const { state, grant } of stepUp.watch(request.challengeId, signal)) {
        yield { state: messageFromState(state), grant, last: state !== "open" };
      }
    }),
  };
}
