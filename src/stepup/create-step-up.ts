import { setTimeout as pause } from "node:timers/promises";
import type { AuditTrail } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import type { ChallengeOpener, Factors, Grants, StepUp } from "../core/step-up.ts";
import type { StateStore } from "../core/store.ts";
import type { Log, Meter } from "../core/telemetry.ts";
import { createChallengeBook } from "./challenge-book.ts";
import { createChallengeWaits } from "./challenge-waits.ts";
import { createChallengeWatch, type Sleep } from "./challenge-watch.ts";
import { createChallengeOpener } from "./challenges.ts";
import { createFactorBook } from "./factor-book.ts";
import { createFactors } from "./factors.ts";
import type { GrantKeys } from "./grant-keys.ts";
import { createGrantTokens } from "./grant-tokens.ts";
import { createGrants } from "./grants.ts";
import type { SecretBox } from "./secret-box.ts";
import { DEFAULT_SETTINGS, type StepUpSettings } from "./settings.ts";
import { createStepUpRoom } from "./step-up.ts";
import { createStepUpAudit } from "./step-up-audit.ts";
import type { OnStepUpEvent } from "./step-up-event.ts";

export interface StepUpParts {
  readonly store: StateStore;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly keys: GrantKeys;
  readonly box: SecretBox;
  /** Told after the record is kept. */
  readonly onEvent?: OnStepUpEvent;
  readonly sleep?: Sleep;
  readonly settings?: Partial<StepUpSettings>;
}

/** Builds the room: challenges, factors and grants on one store. */
export function createStepUp(parts: StepUpParts): {
  readonly grants: Grants;
  readonly challenges: ChallengeOpener;
  readonly stepUp: StepUp;
  readonly factors: Factors;
  readonly jwks: GrantKeys["jwks"];
} {
  const { store, clock, log, meter, keys, box } = parts;
  const settings: StepUpSettings = { ...DEFAULT_SETTINGS, ...parts.settings };
  const { issuer, audience, ack } = settings;
  const tokens = createGrantTokens({ keys, clock, issuer, audience });
  const audit = createStepUpAudit({ audit: parts.audit, clock, ack });
  const waits = createChallengeWaits(settings.watchersMax);
  const challenges = createChallengeBook({ store, audit, clock, log, waits, settings });
  const factors = createFactorBook({ store, box });
  const sleep = parts.sleep ?? sleepQuietly;
  const watch = createChallengeWatch({ challenges, waits, tokens, clock, sleep, settings });
  const onEvent = parts.onEvent ?? (() => undefined);
  const room = { challenges, factors, tokens, audit, clock, log, meter, onEvent, watch, settings };
  return {
    grants: createGrants({ tokens, store, clock, meter, settings }),
    challenges: createChallengeOpener({ store, meter, settings }),
    stepUp: createStepUpRoom(room),
    factors: createFactors({ store, factors, audit, clock, settings }),
    jwks: () => keys.jwks(),
  };
}

async function sleepQuietly(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => undefined);
}
