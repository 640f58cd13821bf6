import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ALICE,
  BOB,
  codeAt,
  enrol,
  openRoom,
  outcomesOf,
  type Room,
  STORES,
  wrongCode,
} from "./room.ts";

describe.each(STORES)("Factors on the %s store", (_, openStore) => {
  let room: Room;
  beforeEach(() => {
    room = openRoom(openStore);
  });
  afterEach(() => room.close());

  const idsOf = async () => (await room.factors.list(ALICE)).map((factor) => factor.id);

  it("enrols a secret by its first code, and lists it without the secret", async () => {
    expect(await room.factors.list(ALICE)).toEqual([]);
    const { enrolmentId, otpauthUri, secret } = await room.factors.beginTotp(ALICE, "");
    expect(otpauthUri).toContain(`secret=${secret}`);
    expect(await room.factors.list(ALICE)).toEqual([]);
    const { factorId } = await room.factors.confirmTotp(enrolmentId, codeAt(room.clock, secret));
    expect(await room.factors.list(ALICE)).toEqual([
      { id: factorId, method: "totp", enrolledAtMs: room.clock.nowMs() },
    ]);
    expect(await room.factors.list(BOB)).toEqual([]);
  });

  it("keeps no secret readable in the store, and records none", async () => {
    const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
    await room.factors.confirmTotp(enrolmentId, codeAt(room.clock, secret));
    const kept = JSON.stringify([await room.store.list("", 100), room.trail.drafts]);
    expect(kept).not.toContain(secret);
    expect(kept.length).toBeGreaterThan(500);
    expect(room.trail.drafts.map((draft) => [draft.type, draft.subject])).toEqual([
      ["stile.factor.v1", "user:alice@example.com"],
      ["stile.factor.v1", "user:alice@example.com"],
    ]);
    expect(room.trail.events()).toEqual(["enrolment_begun", "enrolled"]);
  });

  it("spends the code that confirms", async () => {
    const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
    const code = codeAt(room.clock, secret);
    await room.factors.confirmTotp(enrolmentId, code);
    expect(await outcomesOf([room.factors.beginTotp(ALICE, code)])).toEqual(["code_spent"]);
  });

  it("confirms an enrolment once, also when many try at once", async () => {
    const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
    const code = codeAt(room.clock, secret);
    const outcomes = await outcomesOf(
      [1, 2, 3, 4].map(() => room.factors.confirmTotp(enrolmentId, code)),
    );
    expect(outcomes.toSorted()).toEqual([
      "ok",
      ...Array.from({ length: 3 }, () => "unknown_enrolment"),
    ]);
    expect(await idsOf()).toHaveLength(1);
    room.clock.moveMs(30_000);
    expect(
      await outcomesOf([room.factors.confirmTotp(enrolmentId, codeAt(room.clock, secret))]),
    ).toEqual(["unknown_enrolment"]);
  });

  it("ends an enrolment with the fifth wrong code, however they come", async () => {
    const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
    const guess = wrongCode(room.clock, secret);
    const outcomes = await outcomesOf(
      Array.from({ length: 30 }, () => room.factors.confirmTotp(enrolmentId, guess)),
    );
    expect(outcomes.filter((outcome) => outcome === "wrong_code")).toHaveLength(4);
    expect(room.trail.events().filter((event) => event === "wrong_code")).toHaveLength(5);
    expect(
      await outcomesOf([room.factors.confirmTotp(enrolmentId, codeAt(room.clock, secret))]),
    ).toEqual(["too_many_tries"]);
  });

  it("ends an enrolment after ten minutes, and when a later one begins", async () => {
    const first = await room.factors.beginTotp(ALICE, "");
    room.clock.moveMs(599_999);
    const second = await room.factors.beginTotp(ALICE, "");
    const code = codeAt(room.clock, first.secret);
    expect(await outcomesOf([room.factors.confirmTotp(first.enrolmentId, code)])).toEqual([
      "unknown_enrolment",
    ]);
    room.clock.moveMs(600_000);
    const late = codeAt(room.clock, second.secret);
    expect(await outcomesOf([room.factors.confirmTotp(second.enrolmentId, late)])).toEqual([
      "unknown_enrolment",
    ]);
  });

  it.each(["", "nothing", "A".repeat(65), "x".repeat(5_000)])(
    "knows no enrolment %j",
    async (id) => {
      expect(await outcomesOf([room.factors.confirmTotp(id, "123456")])).toEqual([
        "unknown_enrolment",
      ]);
    },
  );

  it.each([
    ["an empty type", { type: "", id: "a" }, ""],
    ["an empty id", { type: "user", id: "" }, ""],
    ["a long id", { type: "user", id: "a".repeat(513) }, ""],
    ["a code of five digits", ALICE, "12345"],
  ])("refuses %s", async (_what, subject, code) => {
    expect(await outcomesOf([room.factors.beginTotp(subject, code)])).toEqual(["invalid_request"]);
  });

  describe("a further factor", () => {
    it("needs a code of a confirmed one, which is spent", async () => {
      const secret = await enrol(room);
      expect(await outcomesOf([room.factors.beginTotp(ALICE, "")])).toEqual(["factor_exists"]);
      expect(
        await outcomesOf([room.factors.beginTotp(ALICE, wrongCode(room.clock, secret))]),
      ).toEqual(["wrong_code"]);
      const code = codeAt(room.clock, secret);
      const further = await room.factors.beginTotp(ALICE, code);
      expect(await outcomesOf([room.factors.beginTotp(ALICE, code)])).toEqual(["code_spent"]);
      await room.factors.confirmTotp(further.enrolmentId, codeAt(room.clock, further.secret));
      expect(await idsOf()).toHaveLength(2);
    });

    it("is not let in by an enrolment begun before there was a first one", async () => {
      const attackers = await room.factors.beginTotp(ALICE, "");
      const key = `enrolment/${attackers.enrolmentId.slice(0, 43)}`;
      const kept = await room.store.get(key);
      await enrol(room);
      // Put the attacker's enrolment back, as if the two had raced.
      const now = await room.store.get(key);
      await room.store.compareAndSet({
        key,
        version: now?.version ?? 0,
        value: kept?.value ?? "",
        expiresAtMs: null,
      });
      const code = codeAt(room.clock, attackers.secret);
      expect(await outcomesOf([room.factors.confirmTotp(attackers.enrolmentId, code)])).toEqual([
        "factor_exists",
      ]);
      expect(await idsOf()).toHaveLength(1);
    });

    it("is refused at the fourth", async () => {
      const secret = await enrol(room);
      for (let count = 1; count < 4; count += 1) {
        const further = await room.factors.beginTotp(ALICE, codeAt(room.clock, secret));
        await room.factors.confirmTotp(further.enrolmentId, codeAt(room.clock, further.secret));
        room.clock.moveMs(60_000);
      }
      const code = codeAt(room.clock, secret);
      expect(await outcomesOf([room.factors.beginTotp(ALICE, code)])).toEqual(["factor_exists"]);
      expect(await idsOf()).toHaveLength(4);
    });

    it("cannot be guessed in by trying codes without end", async () => {
      const secret = await enrol(room);
      const guess = wrongCode(room.clock, secret);
      const outcomes = await outcomesOf(
        Array.from({ length: 40 }, () => room.factors.beginTotp(ALICE, guess)),
      );
      expect(outcomes.filter((outcome) => outcome === "wrong_code")).toHaveLength(5);
      expect(outcomes.filter((outcome) => outcome === "too_many_tries")).toHaveLength(35);
    });
  });

  describe("removing", () => {
    it("needs a code of that very factor", async () => {
      const first = await enrol(room);
      const further = await room.factors.beginTotp(ALICE, codeAt(room.clock, first));
      await room.factors.confirmTotp(further.enrolmentId, codeAt(room.clock, further.secret));
      room.clock.moveMs(60_000);
      const [firstId = "", secondId = ""] = await idsOf();
      const ofFirst = codeAt(room.clock, first);
      expect(await outcomesOf([room.factors.remove(ALICE, secondId, ofFirst)])).toEqual([
        "wrong_code",
      ]);
      await room.factors.remove(ALICE, firstId, ofFirst);
      expect(await idsOf()).toEqual([secondId]);
      expect(room.trail.events().at(-1)).toBe("removed");
    });

    it("of the last one lets the subject enrol anew, and its code stays spent for nobody", async () => {
      const secret = await enrol(room);
      const [id = ""] = await idsOf();
      await room.factors.remove(ALICE, id, codeAt(room.clock, secret));
      expect(await idsOf()).toEqual([]);
      expect(await enrol(room)).not.toBe(secret);
    });

    it("knows only the subject's own factors", async () => {
      const secret = await enrol(room);
      const [id = ""] = await idsOf();
      const code = codeAt(room.clock, secret);
      expect(
        await outcomesOf([
          room.factors.remove(BOB, id, code),
          room.factors.remove(ALICE, "other", code),
        ]),
      ).toEqual(["unknown_factor", "unknown_factor"]);
      expect(await outcomesOf([room.factors.remove(ALICE, id, code)])).toEqual(["ok"]);
    });
  });

  describe("without an audit trail", () => {
    it("enrols nothing", async () => {
      const { enrolmentId, secret } = await room.factors.beginTotp(ALICE, "");
      room.trail.failing = true;
      expect(await outcomesOf([room.factors.beginTotp(BOB, "")])).toEqual(["audit_unavailable"]);
      const code = codeAt(room.clock, secret);
      expect(await outcomesOf([room.factors.confirmTotp(enrolmentId, code)])).toEqual([
        "audit_unavailable",
      ]);
      room.trail.failing = false;
      expect(await idsOf()).toEqual([]);
    });

    it("removes nothing", async () => {
      const secret = await enrol(room);
      const [id = ""] = await idsOf();
      room.trail.failing = true;
      const code = codeAt(room.clock, secret);
      expect(await outcomesOf([room.factors.remove(ALICE, id, code)])).toEqual([
        "audit_unavailable",
      ]);
      expect(await idsOf()).toEqual([id]);
    });
  });
});
