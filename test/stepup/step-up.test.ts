import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import type { StateStore } from "../../src/core/store.ts";
import { createStepUp } from "../../src/stepup/create-step-up.ts";
import { createSecretBox } from "../../src/stepup/secret-box.ts";
import {
  ALICE,
  askOf,
  authnFor,
  BOB,
  codeAt,
  earn,
  enrol,
  openMemory,
  openRoom,
  outcomesOf,
  type Room,
  requestOf,
  STORES,
  wrongCode,
} from "./room.ts";

describe.each(STORES)("StepUp on the %s store", (_, openStore) => {
  let room: Room;
  let secret: string;
  beforeEach(async () => {
    room = openRoom(openStore);
    secret = await enrol(room);
    room.trail.drafts.length = 0;
  });
  afterEach(() => room.close());

  const openId = async (
    ...changes: Parameters<typeof askOf> extends [unknown, ...infer Rest] ? Rest : never
  ) => (await room.challenges.open(askOf(room, ...changes))).id;
  const now = () => codeAt(room.clock, secret);

  it("gives a grant for a right code and records it, without code, secret or token", async () => {
    const id = await openId();
    const code = now();
    const grant = await room.stepUp.verify(id, code);
    expect(grant).toMatchObject({
      acr: "aal2",
      amr: ["otp"],
      expiresAtMs: room.clock.nowMs() + 600_000,
    });
    expect(await room.stepUp.view(id)).toMatchObject({ state: "proven" });
    const [draft] = room.trail.drafts;
    expect(draft).toMatchObject({ type: "stile.step_up.v1", subject: "user:alice@example.com" });
    expect(room.trail.membersOf(draft)).toEqual({
      event: "proven",
      challenge_id: id,
      decision_id: "d-1",
      action: "deploy.production",
      resource: "service:payments",
      method: "totp",
      factor_id: (await room.factors.list(ALICE))[0]?.id,
      grant_id: decodeJwt(grant.token).jti,
      acr: "aal2",
      amr: ["otp"],
      bind: "action",
      once: false,
      expires_at: new Date(grant.expiresAtMs).toISOString(),
    });
    const recorded = JSON.stringify(room.trail.drafts);
    for (const hidden of [code, secret, grant.token]) expect(recorded).not.toContain(hidden);
  });

  it("tells others of a proof, with the circumstances of the request", async () => {
    await room.stepUp.verify(await openId(), now());
    expect(room.events).toEqual([
      expect.objectContaining({
        kind: "proven",
        subject: ALICE,
        context: { device_id: "laptop-7", ip: "192.0.2.1" },
      }),
    ]);
  });

  it("shows what a challenge is for", async () => {
    const opened = await room.challenges.open(askOf(room));
    expect(await room.stepUp.view(opened.id)).toEqual({
      challenge: opened,
      state: "open",
      subject: { ...ALICE, properties: undefined },
      action: requestOf().action,
      resource: requestOf().resource,
      reasons: askOf(room).reasons,
      context: requestOf().context,
    });
  });

  it("shows no more of the circumstances than fits, member by member", async () => {
    const context = { huge: "x".repeat(2_000), device_id: "d", ...manyMembers(100) };
    const { context: shown } = await room.stepUp.view(await openId({ context }));
    expect(Object.keys(shown).slice(0, 2)).toEqual(["device_id", "m0"]);
    expect(JSON.stringify(shown).length).toBeLessThan(6_000);
  });

  describe("asking again", () => {
    it("returns the open challenge for the same ask, also to many at once and on replicas", async () => {
      const first = await room.challenges.open(askOf(room));
      room.clock.moveMs(1_000);
      expect(await room.challenges.open(askOf(room))).toEqual(first);
      expect(await room.replica().challenges.open(askOf(room))).toEqual(first);
      const other = askOf(room, {
        resource: { type: "service", id: "ledger", properties: undefined },
      });
      const many = await Promise.all(
        Array.from({ length: 10 }, (_unused, index) =>
          (index % 2 === 0 ? room : room.replica()).challenges.open(other),
        ),
      );
      expect(new Set(many.map((each) => each.id)).size).toBe(1);
      expect(many[0]?.id).not.toBe(first.id);
      expect(await room.store.list("challenge/", 100)).toHaveLength(2);
    });

    it("does not depend on the order of properties, nor on where the request comes from", async () => {
      const one = await openId({ action: { name: "a", properties: { x: 1, y: 2 } } });
      const other = { action: { name: "a", properties: { y: 2, x: 1 } }, context: { ip: "::1" } };
      expect(await openId(other)).toBe(one);
    });

    it.each<[string, Parameters<typeof askOf>[1], Parameters<typeof askOf>[2]]>([
      ["subject", { subject: { ...BOB, properties: undefined } }, {}],
      ["action", { action: { name: "other", properties: undefined } }, {}],
      ["parameter", { action: { ...requestOf().action, properties: { image: "other" } } }, {}],
      ["resource", { resource: { ...requestOf().resource, id: "other" } }, {}],
      ["policy", { policy: "other" }, {}],
      ["age demanded", {}, { maxAgeS: 30 }],
      ["binding", {}, { bind: "session" }],
      ["use", {}, { once: true }],
    ])("opens another challenge for another %s", async (_what, changes, demand) => {
      expect(await openId(changes, demand)).not.toBe(await openId());
    });

    it.each<[string, (id: string) => Promise<unknown>]>([
      ["proven", (id) => room.stepUp.verify(id, now())],
      ["rejected", (id) => room.stepUp.reject(id)],
      ["expired", async () => room.clock.moveMs(300_000)],
      ["tried to its end", (id) => failTimes(5, id)],
    ])("opens another challenge once the first is %s", async (_what, end) => {
      const first = await openId();
      await end(first);
      expect(await openId()).not.toBe(first);
    });
  });

  async function failTimes(times: number, id: string): Promise<string[]> {
    const outcomes: string[] = [];
    for (let count = 0; count < times; count += 1) {
      outcomes.push(...(await outcomesOf([room.stepUp.verify(id, wrongCode(room.clock, secret))])));
    }
    return outcomes;
  }

  describe("bounds", () => {
    const openMany = (count: number, from = 0) =>
      outcomesOf(
        Array.from({ length: count }, (_unused, index) =>
          room.challenges.open(
            askOf(room, { action: { name: `a${from + index}`, properties: undefined } }),
          ),
        ),
      );

    it("opens at most 20 challenges for a subject, however many are asked at once", async () => {
      const outcomes = await openMany(30);
      expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(20);
      expect(outcomes.filter((outcome) => outcome === "step_up_unavailable")).toHaveLength(10);
      expect(await room.store.list("challenge/", 100)).toHaveLength(20);
      const bobs = askOf(room, { subject: { ...BOB, properties: undefined } });
      expect(await room.challenges.open(bobs)).toBeDefined();
    });

    it("takes a place again that an ended challenge leaves", async () => {
      await openMany(19);
      await room.stepUp.reject(await openId());
      expect(await openMany(1, 50)).toEqual(["ok"]);
      expect(await openMany(1, 60)).toEqual(["step_up_unavailable"]);
      room.clock.moveMs(300_000);
      expect(await openMany(1, 70)).toEqual(["ok"]);
    });

    it("offers only the methods that are served", async () => {
      const { demand } = await room.challenges.open(
        askOf(room, {}, { methods: ["passkey", "totp"] as const }),
      );
      expect(demand.methods).toEqual(["totp"]);
    });

    it.each([
      [
        "methods without totp",
        { methods: ["passkey", "approval"] as const },
        /passkey or approval/,
      ],
      ["no method", { methods: [] }, /no method/],
      ["an age that cannot be met", { maxAgeS: 0 }, /at most 0 s/],
    ])("opens nothing for %s", async (_what, demand, message) => {
      const opening = room.challenges.open(askOf(room, {}, demand));
      await expect(opening).rejects.toMatchObject({ code: "step_up_unavailable" });
      await expect(opening).rejects.toThrow(message);
    });
  });

  describe("attacks on codes", () => {
    it("lets one of many who offer one code at once pass, on two replicas", async () => {
      const id = await openId();
      const code = now();
      const replicas = [room.stepUp, room.replica().stepUp];
      const outcomes = await outcomesOf(
        Array.from(
          { length: 20 },
          (_unused, index) => replicas[index % 2]?.verify(id, code) ?? Promise.reject(),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(1);
      expect(room.trail.events().filter((event) => event === "proven")).toHaveLength(1);
    });

    it("lets one of many challenges take one code", async () => {
      const ids = await Promise.all(
        Array.from({ length: 10 }, (_unused, index) =>
          openId({ action: { name: `a${index}`, properties: undefined } }),
        ),
      );
      const code = now();
      const outcomes = await outcomesOf(ids.map((id) => room.stepUp.verify(id, code)));
      expect(outcomes.toSorted()).toEqual([...Array.from({ length: 9 }, () => "code_spent"), "ok"]);
    });

    it("takes a code once, whatever challenge and time", async () => {
      const code = now();
      await room.stepUp.verify(await openId(), code);
      const other = await openId({ action: { name: "other", properties: undefined } });
      for (const movedMs of [0, 29_000, 15_000, -45_000]) {
        room.clock.moveMs(movedMs);
        expect(await outcomesOf([room.stepUp.verify(other, code)])).toEqual(["code_spent"]);
      }
    });

    it("takes no code of a step before the last one spent, also when the clock goes back", async () => {
      const codes = [-1, 0, 1].map((steps) => codeAt(room.clock, secret, steps));
      const [before = "", , after = ""] = codes;
      await room.stepUp.verify(await openId(), after);
      const other = await openId({ action: { name: "other", properties: undefined } });
      expect(await outcomesOf([room.stepUp.verify(other, before)])).toEqual(["code_spent"]);
      room.clock.moveMs(-60_000);
      expect(await outcomesOf([room.stepUp.verify(other, now())])).toEqual(["code_spent"]);
    });

    it("takes no code of another subject", async () => {
      const bobs = await enrol(room, BOB);
      const id = await openId();
      expect(await outcomesOf([room.stepUp.verify(id, codeAt(room.clock, bobs))])).toEqual([
        "wrong_code",
      ]);
      expect(await outcomesOf([room.stepUp.verify(id, now())])).toEqual(["ok"]);
    });

    it("lets one of two right codes pass that are offered at once", async () => {
      const id = await openId();
      const codes = [codeAt(room.clock, secret, 0), codeAt(room.clock, secret, 1)];
      const outcomes = await outcomesOf(codes.map((code) => room.stepUp.verify(id, code)));
      expect(outcomes.filter((outcome) => outcome === "ok")).toHaveLength(1);
      expect(room.trail.events().filter((event) => event === "proven")).toHaveLength(1);
    });

    it("proves a challenge once", async () => {
      const id = await openId();
      await room.stepUp.verify(id, now());
      room.clock.moveMs(30_000);
      expect(await outcomesOf([room.stepUp.verify(id, now())])).toEqual(["challenge_closed"]);
    });

    it("ends a challenge with the fifth wrong code", async () => {
      const id = await openId();
      expect(await failTimes(4, id)).toEqual(Array.from({ length: 4 }, () => "wrong_code"));
      expect(await failTimes(1, id)).toEqual(["too_many_tries"]);
      expect(await room.stepUp.view(id)).toMatchObject({ state: "refused" });
      room.clock.moveMs(2_000);
      expect(await outcomesOf([room.stepUp.verify(id, now())])).toEqual(["challenge_closed"]);
      expect(room.trail.events()).toEqual([
        ...Array.from({ length: 5 }, () => "wrong_code"),
        "refused",
      ]);
      expect(room.events.map((event) => event.kind)).toEqual([
        ...Array.from({ length: 5 }, () => "failed"),
        "refused",
      ]);
    });

    it("looks at no more than five codes, however many are guessed at once", async () => {
      const id = await openId();
      const guess = wrongCode(room.clock, secret);
      const replicas = [room.stepUp, room.replica().stepUp];
      await outcomesOf(
        Array.from(
          { length: 60 },
          (_unused, index) => replicas[index % 2]?.verify(id, guess) ?? Promise.reject(),
        ),
      );
      expect(room.trail.events().filter((event) => event === "wrong_code")).toHaveLength(5);
      expect(await room.stepUp.view(id)).toMatchObject({ state: "refused" });
    });

    it("makes a subject wait longer after each further wrong code, whatever the challenge", async () => {
      await failTimes(5, await openId());
      const waits = [1_000, 2_000, 4_000, 8_000];
      for (const waitMs of waits) {
        const id = await openId({ action: { name: `wait ${waitMs}`, properties: undefined } });
        room.clock.moveMs(waitMs - 1);
        expect(await outcomesOf([room.stepUp.verify(id, now())])).toEqual(["too_many_tries"]);
        expect(await outcomesOf([room.factors.beginTotp(ALICE, now())])).toEqual([
          "too_many_tries",
        ]);
        room.clock.moveMs(1);
        expect(await failTimes(1, id)).toEqual(["wrong_code"]);
      }
      room.clock.moveMs(16_000);
      expect(await outcomesOf([room.stepUp.verify(await openId(), now())])).toEqual(["ok"]);
    });

    it("forgets the wrong codes with a right one", async () => {
      await failTimes(4, await openId());
      await room.stepUp.verify(await openId(), now());
      const other = await openId({ action: { name: "other", properties: undefined } });
      expect(await failTimes(4, other)).toEqual(Array.from({ length: 4 }, () => "wrong_code"));
      room.clock.moveMs(30_000);
      expect(await outcomesOf([room.stepUp.verify(other, now())])).toEqual(["ok"]);
    });

    it.each(["", "12345", "1234567", "abcdef", "12 456"])(
      "refuses %j before it looks at anything, and counts no try",
      async (code) => {
        const id = await openId();
        expect(await outcomesOf([room.stepUp.verify(id, code)])).toEqual(["invalid_request"]);
        expect(room.trail.drafts).toEqual([]);
        expect(await failTimes(4, id)).not.toContain("too_many_tries");
      },
    );

    it.each(["", "no such id", "A".repeat(22), "../factor/x", "x".repeat(5_000)])(
      "knows no challenge %j",
      async (id) => {
        const watched = room.stepUp.watch(id, AbortSignal.timeout(1_000))[Symbol.asyncIterator]();
        const calls = [
          room.stepUp.view(id),
          room.stepUp.verify(id, now()),
          room.stepUp.reject(id),
          watched.next(),
        ];
        expect(await outcomesOf(calls)).toEqual(calls.map(() => "unknown_challenge"));
      },
    );

    it("tells who holds a challenge that its subject has no factor, and lets them enrol", async () => {
      const bobs = { subject: { ...BOB, properties: undefined } };
      const id = await openId(bobs);
      expect(await outcomesOf([room.stepUp.verify(id, "123456")])).toEqual(["no_factor"]);
      const { enrolmentId, secret: new_ } = await room.factors.beginTotp(BOB, "");
      await room.factors.confirmTotp(enrolmentId, codeAt(room.clock, new_, -1));
      expect(await outcomesOf([room.stepUp.verify(id, codeAt(room.clock, new_))])).toEqual(["ok"]);
    });
  });

  describe("the end of a challenge", () => {
    it("comes with its time, and is recorded once", async () => {
      const id = await openId();
      room.clock.moveMs(299_999);
      expect(await room.stepUp.view(id)).toMatchObject({ state: "open" });
      room.clock.moveMs(1);
      const views = await Promise.all([1, 2, 3].map(() => room.stepUp.view(id)));
      expect(views.map((view) => view.state)).toEqual(["expired", "expired", "expired"]);
      expect(await outcomesOf([room.stepUp.verify(id, now()), room.stepUp.reject(id)])).toEqual([
        "challenge_closed",
        "challenge_closed",
      ]);
      expect(room.trail.events()).toEqual(["expired"]);
      room.clock.moveMs(-200_000);
      expect(await room.stepUp.view(id)).toMatchObject({ state: "expired" });
      room.clock.moveMs(200_000 + 600_001);
      expect(await outcomesOf([room.stepUp.view(id)])).toEqual(["unknown_challenge"]);
    });

    it("comes with a rejection, after which no code helps", async () => {
      const id = await openId();
      await room.stepUp.reject(id);
      expect(await room.stepUp.view(id)).toMatchObject({ state: "refused" });
      expect(await outcomesOf([room.stepUp.verify(id, now()), room.stepUp.reject(id)])).toEqual([
        "challenge_closed",
        "challenge_closed",
      ]);
      expect(room.trail.events()).toEqual(["refused"]);
      expect(room.trail.membersOf(room.trail.drafts[0])).toMatchObject({ why: "rejected" });
      expect(room.events).toEqual([expect.objectContaining({ kind: "refused" })]);
    });

    it("is either proven or refused when both come at once", async () => {
      const id = await openId();
      await outcomesOf([room.stepUp.verify(id, now()), room.stepUp.reject(id)]);
      const events = room.trail
        .events()
        .filter((event) => event === "proven" || event === "refused");
      const { state } = await room.stepUp.view(id);
      expect(events).toEqual([state]);
    });
  });

  describe("watching", () => {
    async function statesOf(watched: AsyncIterable<{ state: string; grant: string }>) {
      const states: { state: string; grant: string }[] = [];
      for await (const each of watched) states.push(each);
      return states;
    }
    const signal = () => AbortSignal.timeout(10_000);

    it("yields open, then proven with the very grant that was issued", async () => {
      const id = await openId();
      const watching = statesOf(room.stepUp.watch(id, signal()));
      const { token } = await room.stepUp.verify(id, now());
      expect(await watching).toEqual([
        { state: "open", grant: "" },
        { state: "proven", grant: token },
      ]);
      expect(await statesOf(room.stepUp.watch(id, signal()))).toEqual([
        { state: "proven", grant: token },
      ]);
    });

    it("sees what a replica did", async () => {
      const id = await openId();
      const watching = statesOf(room.replica().stepUp.watch(id, signal()));
      await room.stepUp.reject(id);
      const states = await watching;
      expect(states.at(-1)).toEqual({ state: "refused", grant: "" });
    });

    it("yields expired when the time is over", async () => {
      const id = await openId();
      const watched = room.stepUp.watch(id, signal())[Symbol.asyncIterator]();
      expect((await watched.next()).value).toEqual({ state: "open", grant: "" });
      room.clock.moveMs(300_000);
      expect((await watched.next()).value).toEqual({ state: "expired", grant: "" });
      expect((await watched.next()).done).toBe(true);
    });

    it("ends quietly when it is given up", async () => {
      const id = await openId();
      const giveUp = new AbortController();
      const watching = statesOf(room.stepUp.watch(id, giveUp.signal));
      giveUp.abort();
      expect(await watching).not.toContainEqual(expect.objectContaining({ state: "proven" }));
    });

    it("refuses more watchers than the bound, and frees the place of one that left", async () => {
      const small = room.replica({ watchersMax: 1 });
      const id = await openId();
      const giveUp = new AbortController();
      const first = small.stepUp.watch(id, giveUp.signal)[Symbol.asyncIterator]();
      await first.next();
      const second = small.stepUp.watch(id, signal())[Symbol.asyncIterator]();
      expect(await outcomesOf([second.next()])).toEqual(["overloaded"]);
      await first.return?.();
      const third = small.stepUp.watch(id, signal())[Symbol.asyncIterator]();
      expect((await third.next()).value).toMatchObject({ state: "open" });
      await third.return?.();
    });
  });

  describe("without an audit trail", () => {
    it("gives no grant for a right code, and the code stays spent", async () => {
      const id = await openId();
      const code = now();
      room.trail.failing = true;
      expect(await outcomesOf([room.stepUp.verify(id, code)])).toEqual(["audit_unavailable"]);
      room.trail.failing = false;
      expect(await room.stepUp.view(id)).toMatchObject({ state: "refused" });
      const other = await openId();
      expect(other).not.toBe(id);
      expect(await outcomesOf([room.stepUp.verify(other, code)])).toEqual(["code_spent"]);
      expect(room.events.filter((event) => event.kind === "proven")).toEqual([]);
    });

    it("gives nothing to a watcher before the record is kept", async () => {
      const id = await openId();
      const watched = room.stepUp.watch(id, AbortSignal.timeout(10_000))[Symbol.asyncIterator]();
      expect((await watched.next()).value).toMatchObject({ state: "open" });
      room.trail.failing = true;
      const verifying = outcomesOf([room.stepUp.verify(id, now())]);
      expect((await watched.next()).value).toEqual({ state: "refused", grant: "" });
      expect(await verifying).toEqual(["audit_unavailable"]);
    });

    it("still counts wrong codes", async () => {
      room.trail.failing = true;
      const id = await openId();
      expect(await failTimes(5, id)).toEqual(Array.from({ length: 5 }, () => "audit_unavailable"));
      room.trail.failing = false;
      room.clock.moveMs(2_000);
      expect(await outcomesOf([room.stepUp.verify(id, now())])).toEqual(["too_many_tries"]);
    });
  });
});

describe("StepUp when its parts fail", () => {
  /** A store that fails from a chosen call on. */
  function failingAfter(store: StateStore, calls: number): StateStore {
    let left = calls;
    const guard = async <Result>(call: () => Promise<Result>): Promise<Result> => {
      left -= 1;
      if (left < 0) throw new StileError("state_unavailable", "the store is away");
      return call();
    };
    return {
      get: (key) => guard(() => store.get(key)),
      compareAndSet: (change) => guard(() => store.compareAndSet(change)),
      list: (prefix, limit) => guard(() => store.list(prefix, limit)),
      close: () => store.close(),
    };
  }

  it("never gives a second grant for a code, at whatever call the store fails", async () => {
    let failures = 0;
    for (let calls = 0; calls < 20; calls += 1) {
      const room = openRoom(openMemory);
      const secret = await enrol(room);
      const { id } = await room.challenges.open(askOf(room));
      const code = codeAt(room.clock, secret);
      const broken = createStepUp({ ...room.parts, store: failingAfter(room.store, calls) });
      const [first] = await outcomesOf([broken.stepUp.verify(id, code)]);
      expect(["ok", "state_unavailable"]).toContain(first);
      if (first !== "ok") failures += 1;
      const mayStillPass = first !== "ok" && !room.trail.events().includes("proven");
      const [second] = await outcomesOf([room.stepUp.verify(id, code)]);
      expect(second === "ok" && !mayStillPass).toBe(false);
      await room.close();
    }
    expect(failures).toBeGreaterThan(3);
    expect(failures).toBeLessThan(20);
  });

  it("opens no challenge that it cannot keep, and says so", async () => {
    let failures = 0;
    for (let calls = 0; calls < 6; calls += 1) {
      const room = openRoom(openMemory);
      const broken = createStepUp({ ...room.parts, store: failingAfter(room.store, calls) });
      const [outcome] = await outcomesOf([broken.challenges.open(askOf(room))]);
      expect(["ok", "step_up_unavailable"]).toContain(outcome);
      if (outcome !== "ok") failures += 1;
      await room.close();
    }
    expect(failures).toBe(3);
  });

  it("gives the grant also when a listener throws", async () => {
    const room = openRoom(openMemory);
    const secret = await enrol(room);
    const loud = createStepUp({
      ...room.parts,
      onEvent: () => {
        throw new Error("not now");
      },
    });
    const { id } = await loud.challenges.open(askOf(room));
    const { token } = await loud.stepUp.verify(id, codeAt(room.clock, secret));
    expect(await authnFor(room, [token])).toBeDefined();
    await room.close();
  });

  it("tells when the factors were sealed with another key", async () => {
    const room = openRoom(openMemory);
    const secret = await enrol(room);
    const other = createStepUp({ ...room.parts, box: createSecretBox(Buffer.alloc(32, 9)) });
    const { id } = await other.challenges.open(askOf(room));
    const verifying = other.stepUp.verify(id, codeAt(room.clock, secret));
    await expect(verifying).rejects.toThrow(/factor key/);
    expect(await earn(room, secret)).toBeDefined();
    await room.close();
  });
});

function manyMembers(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_unused, index) => [`m${index}`, "x".repeat(100)]),
  );
}
