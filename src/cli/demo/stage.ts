import type { Answer, StileClient } from "../../client/stile-client.ts";
import { CallError } from "../../client/stile-client.ts";
import { entityKey } from "../../core/decision.ts";
import type { FeatureScalar } from "../../core/features.ts";
import type { JsonObject } from "../../core/json.ts";
import { totpCode } from "../../stepup/totp.ts";
import { observationOf, updateOf } from "../../wire/feature-init.ts";
import { FeatureService } from "../../wire/messages.ts";
import { type Ask, Deviation, deviationOf, type Moment, questionOf, type Want } from "./ask.ts";
import type { StoryClock } from "./demo-server.ts";
import { ENROLLED, type Member, SIGNED_IN } from "./team.ts";

const DAY_MS = Date.UTC(2026, 6, 15); // a Wednesday
const CODE_STEP_MS = 30_000;

/** Where the story's day begins. */
export const MORNING_MS = DAY_MS + 7.5 * 3_600_000;

/** Where people act: asks the server, proves, feeds features, and keeps the time. */
export class Stage {
  readonly #client: StileClient;
  readonly #clock: StoryClock;
  readonly #secrets = new Map<string, string>();
  readonly #answers: Answer[] = [];
  #moments: Moment[] = [];
  #signals = 0;

  constructor(client: StileClient, clock: StoryClock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** All answers since the day began. */
  get answers(): readonly Answer[] {
    return this.#answers;
  }

  /** @returns what happened since the last time. */
  takeMoments(): readonly Moment[] {
    const taken = this.#moments;
    this.#moments = [];
    return taken;
  }

  /** What is known before the day begins: who signed in from where, who carries what. */
  async prepare(): Promise<void> {
    for (const member of SIGNED_IN) {
      const { ip, country, device } = member;
      const seen = device === "" ? { ip } : { ip, country };
      await this.signal("login_succeeded", entityKey(member), seen);
      if (device !== "") await this.signal("device_seen", entityKey(member), { device_id: device });
    }
    for (const member of ENROLLED) {
      const { enrolmentId, secret } = await this.#client.beginTotp(member);
      this.#secrets.set(member.id, secret);
      await this.#client.confirmTotp(enrolmentId, this.#nextCode(member));
    }
    await this.put("resource", "service:payments", { change_freeze: false });
  }

  /**
   * Begins a scene: by now the team's risk engine has told that all is well.
   *
   * @param time of the day, such as `09:30`; never before the time that it is.
   */
  async begin(time: string): Promise<void> {
    const [hours = 0, minutes = 0] = time.split(":").map(Number);
    this.#clock.moveTo(DAY_MS + (hours * 60 + minutes) * 60_000);
    for (const member of SIGNED_IN) {
      const calm = { risk_score: 0.05, impossible_travel: false };
      await this.put("subject", entityKey(member), calm);
    }
  }

  note(text: string): void {
    this.#moments.push({ kind: "note", text });
  }

  /** @throws Deviation when the answer is not as wanted. @throws CallError */
  async ask(who: Member, ask: Ask, want: Want): Promise<Answer> {
    const question = questionOf(who, ask);
    const answer = await this.#client.decide(question);
    this.#answers.push(answer);
    this.#moments.push({ kind: "answer", question, answer });
    const problem = deviationOf(answer, want);
    if (problem !== undefined) throw new Deviation(`${ask.does} by ${who.id}: ${problem}`);
    return answer;
  }

  /**
   * Is asked for a proof, gives it, and asks again with the grant.
   *
   * @param want the two answers. Once a proof has made a device known, nothing asks any more: the
   *   second is then `permitted`, not `step_up_satisfied`.
   * @returns the grant.
   */
  async askAndProve(
    who: Member,
    ask: Ask,
    want: { readonly first: Want; readonly again: Want },
  ): Promise<string> {
    const grant = await this.prove(who, await this.ask(who, ask, want.first));
    await this.ask(who, { ...ask, grants: [grant] }, want.again);
    return grant;
  }

  /** Proves a challenge by the member's next code. @returns the grant. */
  async prove(who: Member, asked: Answer): Promise<string> {
    if (asked.kind !== "step_up") throw new Deviation(`${who.id} was not asked for a proof`);
    const { id, bind, once, maxAgeS } = asked.challenge;
    const { grant } = await this.#client.verify(id, this.#nextCode(who));
    const use = once ? "good for one use" : `good for ${maxAgeS / 60} minutes`;
    const text = `a right code earns a grant for this ${bind}, ${use}`;
    this.#moments.push({ kind: "proof", who: who.id, isRight: true, text });
    return grant;
  }

  /** Gives a code that the authenticator does not show. @throws Deviation when it is taken. */
  async mistype(who: Member, asked: Answer): Promise<void> {
    if (asked.kind !== "step_up") throw new Deviation(`${who.id} was not asked for a proof`);
    try {
      await this.#client.verify(asked.challenge.id, this.#wrongCode(who));
    } catch (thrown) {
      if (!(thrown instanceof CallError) || thrown.reason !== "wrong_code") throw thrown;
      const text = `a wrong code earns nothing: ${thrown.message}`;
      this.#moments.push({ kind: "proof", who: who.id, isRight: false, text });
      return;
    }
    throw new Deviation(`a wrong code of ${who.id} was taken`);
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

  /** Another system puts ready features. */
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
  #nextCode(who: Member): string {
    this.#clock.moveTo(this.#clock.nowMs() + CODE_STEP_MS);
    return this.#codeAt(who, this.#clock.nowMs());
  }

  #wrongCode(who: Member): string {
    const nowMs = this.#clock.nowMs();
    const near = [-CODE_STEP_MS, 0, CODE_STEP_MS].map((ms) => this.#codeAt(who, nowMs + ms));
    // Three codes are near, so one of four others is none of them.
    return ["000000", "111111", "222222", "333333"].find((code) => !near.includes(code)) ?? "";
  }

  #codeAt(who: Member, nowMs: number): string {
    return totpCode({ secret: this.#secrets.get(who.id) ?? "", nowMs });
  }
}
