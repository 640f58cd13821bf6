import type { Answer, Question, StileClient } from "../../client/stile-client.ts";
import type { FeatureScalar } from "../../core/features.ts";
import type { JsonObject } from "../../core/json.ts";
import { totpCode } from "../../stepup/totp.ts";
import { observationOf, updateOf } from "../../wire/feature-init.ts";
import { FeatureService } from "../../wire/messages.ts";
import type { StoryClock } from "./demo-server.ts";

const DAY_MS = Date.UTC(2026, 6, 15); // a Wednesday
const CODE_STEP_MS = 30_000;

/** Where the story's day begins. */
export const MORNING_MS = DAY_MS + 7.5 * 3600_000;

/** Where people act: asks the server, proves, feeds features, and keeps the time. */
export class Stage {
  readonly #client: StileClient;
  readonly #clock: StoryClock;
  readonly #secrets = new Map<string, string>();
  #signals = 0;

  constructor(client: StileClient, clock: StoryClock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @param time of the day, such as `09:30`; never before the time that it is. */
  at(time: string): void {
    const [hours = 0, minutes = 0] = time.split(":").map(Number);
    this.#clock.moveTo(DAY_MS + (hours * 60 + minutes) * 60_000);
  }

  ask(question: Question): Promise<Answer> {
    return this.#client.decide(question);
  }

  /** Enrols an authenticator for a person. */
  async enrol(id: string): Promise<void> {
    const begun = await this.#client.beginTotp({ type: "user", id });
    this.#secrets.set(id, begun.secret);
    await this.#client.confirmTotp(begun.enrolmentId, this.#nextCode(id));
  }

  /** Proves a challenge by the person's next code. @returns the grant. */
  async prove(id: string, answer: Answer): Promise<string> {
    if (answer.kind !== "step_up") throw new Error(`${id} was not asked for a proof`);
    return (await this.#client.verify(answer.challenge.id, this.#nextCode(id))).grant;
  }

  /** Something happened; features are made of it. */
  async signal(type: string, subject: string, data: JsonObject): Promise<void> {
    this.#signals += 1;
    const id = `demo-${this.#signals}`;
    const signals = [
      observationOf({ id, source: "demo", type, subject, data, timeMs: this.#clock.nowMs() }),
    ];
    await this.#client.connection.clientStream(FeatureService, "observe", [{ signals }]);
  }

  /** The user's own risk engine puts a ready feature. */
  async put(
    entity: string,
    id: string,
    features: Readonly<Record<string, FeatureScalar>>,
  ): Promise<void> {
    const eventTimeMs = this.#clock.nowMs();
    const updates = Object.entries(features).map(([name, value]) =>
      updateOf({ entity, id, name, value, eventTimeMs }),
    );
    await this.#client.connection.clientStream(FeatureService, "putFeatures", [{ updates }]);
  }

  /** A code is accepted once, so each comes a step later than the one before. */
  #nextCode(id: string): string {
    this.#clock.moveTo(this.#clock.nowMs() + CODE_STEP_MS);
    return totpCode({ secret: this.#secrets.get(id) ?? "", nowMs: this.#clock.nowMs() });
  }
}
