import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DecisionRequest, entityKey, type GrantBinding } from "../../src/core/decision.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { boundHash } from "../../src/stepup/binding.ts";
import { createGrantTokens } from "../../src/stepup/grant-tokens.ts";
import {
  ALICE,
  authnFor,
  BOB,
  earn,
  enrol,
  openMemory,
  openRoom,
  type Room,
  requestOf,
  STORES,
} from "./room.ts";

describe.each(STORES)("Grants on the %s store", (_, openStore) => {
  let room: Room;
  let secret: string;
  beforeEach(async () => {
    room = openRoom(openStore);
    secret = await enrol(room);
  });
  afterEach(() => room.close());

  it("opens the request it was earned for, and says how it was earned", async () => {
    const token = await earn(room, secret);
    expect(await authnFor(room, [token])).toEqual({
      acr: "aal2",
      amr: ["otp"],
      authTimeS: room.clock.nowMs() / 1000 - 30,
      ageS: 30,
      bind: "action",
      once: false,
      grantId: decodeJwt(token).jti,
    });
  });

  it("is a typed EdDSA token that names its key and nothing secret", async () => {
    const token = await earn(room, secret);
    const kid = room.keys.signing.kid;
    expect(decodeProtectedHeader(token)).toEqual({ alg: "EdDSA", typ: "stile-grant+jwt", kid });
    const { iat = 0, ...claims } = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: "stile",
      aud: "stile",
      sub: "user:alice@example.com",
      exp: iat + 600,
      auth_time: iat,
      policy: "",
    });
    expect(token.length).toBeLessThan(700);
  });

  const deploy = requestOf();
  const bound: readonly [GrantBinding, string, Partial<DecisionRequest>, boolean][] = [
    ["action", "the same request from elsewhere", { context: { ip: "198.51.100.9" } }, true],
    [
      "action",
      "other properties of the subject",
      { subject: { ...ALICE, properties: { a: 1 } } },
      true,
    ],
    ["action", "another action", { action: { ...deploy.action, name: "delete" } }, false],
    [
      "action",
      "another parameter",
      { action: { ...deploy.action, properties: { image: "payments:1.2.4" } } },
      false,
    ],
    [
      "action",
      "one parameter more",
      { action: { ...deploy.action, properties: { image: "payments:1.2.3", force: true } } },
      false,
    ],
    ["action", "no parameters", { action: { ...deploy.action, properties: undefined } }, false],
    ["action", "another resource", { resource: { ...deploy.resource, id: "ledger" } }, false],
    [
      "action",
      "another type of resource",
      { resource: { ...deploy.resource, type: "host" } },
      false,
    ],
    [
      "action",
      "other properties of the resource",
      { resource: { ...deploy.resource, properties: { env: "dev" } } },
      false,
    ],
    ["action", "another subject", { subject: { ...BOB, properties: undefined } }, false],
    [
      "action",
      "another type of subject",
      { subject: { type: "robot", id: ALICE.id, properties: undefined } },
      false,
    ],
    ["action", "another policy", { policy: "other" }, false],
    [
      "resource",
      "another action on it",
      { action: { name: "delete", properties: undefined } },
      true,
    ],
    [
      "resource",
      "other properties of it",
      { resource: { ...deploy.resource, properties: undefined } },
      true,
    ],
    ["resource", "another resource", { resource: { ...deploy.resource, id: "ledger" } }, false],
    ["resource", "another subject", { subject: { ...BOB, properties: undefined } }, false],
    ["resource", "another policy", { policy: "other" }, false],
    [
      "session",
      "anything else in the session",
      {
        context: { session_id: "s-1" },
        action: { name: "delete", properties: undefined },
        resource: { type: "host", id: "db", properties: undefined },
      },
      true,
    ],
    ["session", "another session", { context: { session_id: "s-2" } }, false],
    ["session", "a session id of another type", { context: { session_id: ["s-1"] } }, false],
    ["session", "no session", { context: {} }, false],
    [
      "session",
      "another subject",
      { subject: { ...BOB, properties: undefined }, context: { session_id: "s-1" } },
      false,
    ],
  ];
  const opensIt = async (
    bind: GrantBinding,
    changes: Partial<DecisionRequest>,
  ): Promise<boolean> => {
    const inSession = { context: { session_id: "s-1" } };
    const token = await earn(room, secret, bind === "session" ? inSession : {}, { bind });
    return (await authnFor(room, [token], changes)) !== undefined;
  };
  it.each(bound.filter(([, , , opens]) => opens))(
    "bound to the %s, opens for %s",
    async (bind, _what, changes) => {
      expect(await opensIt(bind, changes)).toBe(true);
    },
  );
  it.each(bound.filter(([, , , opens]) => !opens))(
    "bound to the %s, does not open for %s",
    async (bind, _what, changes) => {
      expect(await opensIt(bind, changes)).toBe(false);
    },
  );

  it.each<[string, boolean, Partial<DecisionRequest>]>([
    ["another action there", true, { action: { name: "delete", properties: undefined } }],
    ["the same within a session", false, { context: { session_id: "s-1" } }],
    ["another resource", false, { resource: { ...deploy.resource, id: "ledger" } }],
  ])("bound to a session that has no name, for %s opens: %s", async (_what, opens, changes) => {
    const token = await earn(room, secret, { context: { session_id: "" } }, { bind: "session" });
    expect((await authnFor(room, [token], changes)) !== undefined).toBe(opens);
  });

  it("ends with its time, and stays ended when the clock goes back", async () => {
    const token = await earn(room, secret);
    room.clock.moveMs(569_000);
    expect(await authnFor(room, [token])).toMatchObject({ ageS: 599 });
    room.clock.moveMs(1_000);
    expect(await authnFor(room, [token])).toBeUndefined();
    room.clock.moveMs(-300_000);
    expect(await authnFor(room, [token])).toBeUndefined();
  });

  it("opens nothing while its time of proof lies in the future", async () => {
    const token = await earn(room, secret);
    room.clock.moveMs(-30_000 - 2_000);
    expect(await authnFor(room, [token])).toMatchObject({ ageS: 0 });
    room.clock.moveMs(-1_000);
    expect(await authnFor(room, [token])).toBeUndefined();
    room.clock.moveMs(5_000);
    expect(await authnFor(room, [token])).toBeDefined();
  });

  it("lives as long as the demand asks, within the bounds", async () => {
    const lifeOf = async (demand: { readonly maxAgeS: number; readonly once?: boolean }) => {
      const { exp = 0, iat = 0 } = decodeJwt(await earn(room, secret, {}, demand));
      room.clock.moveMs(60_000);
      return exp - iat;
    };
    expect(await lifeOf({ maxAgeS: 61 })).toBe(61);
    expect(await lifeOf({ maxAgeS: 1e9 })).toBe(12 * 3600);
    expect(await lifeOf({ maxAgeS: 1e9, once: true })).toBe(300);
    expect(await lifeOf({ maxAgeS: 10, once: true })).toBe(10);
  });

  it("picks the freshest of equal strength, and leaves out those named", async () => {
    const older = await earn(room, secret);
    const fresher = await earn(room, secret);
    const once = await earn(room, secret, {}, { once: true });
    const idOf = (token: string): string => decodeJwt(token).jti ?? "";
    const tokens = [once, older, fresher];
    await room.grants.learn(tokens);
    const pick = (without: readonly string[]) =>
      room.grants.authn(requestOf({ grants: tokens }), room.clock.nowMs(), without)?.grantId;
    expect(pick([])).toBe(idOf(once));
    expect(pick([idOf(once)])).toBe(idOf(fresher));
    expect(pick([idOf(once), idOf(fresher)])).toBe(idOf(older));
    expect(pick(tokens.map(idOf))).toBeUndefined();
  });

  it("picks the stronger before the fresher", async () => {
    const fresh = await earn(room, secret);
    const tokens = createGrantTokens({ ...room, issuer: "stile", audience: "stile" });
    const claims = await tokens.verify(fresh);
    if (claims === undefined) throw new Error("the grant was refused");
    const weak = await tokens.sign({ ...claims, grantId: "weak", acr: "aal1" });
    const odd = await tokens.sign({ ...claims, grantId: "odd", acr: "another" });
    const old = { authTimeS: claims.authTimeS - 60, issuedAtS: claims.issuedAtS - 60 };
    const strong = await tokens.sign({ ...claims, ...old, grantId: "strong", acr: "phr" });
    expect(await authnFor(room, [odd, weak, fresh, strong])).toMatchObject({ grantId: "strong" });
    expect(await authnFor(room, [odd, weak])).toMatchObject({ grantId: "weak" });
  });

  it("is spent by exactly one of many, on any replica, and opens nothing after", async () => {
    const token = await earn(room, secret, {}, { once: true });
    const other = room.replica();
    const authn = await authnFor(room, [token]);
    expect(authn).toMatchObject({ once: true });
    const grantId = authn?.grantId ?? "";
    const spends = Array.from({ length: 20 }, (_unused, index) =>
      (index % 2 === 0 ? room : other).grants.spend(grantId, room.clock.nowMs()),
    );
    expect((await Promise.all(spends)).filter(Boolean)).toHaveLength(1);
    expect(await authnFor(room, [token])).toBeUndefined();
    const third = room.replica();
    await third.grants.learn([token]);
    expect(await third.grants.spend(grantId, room.clock.nowMs())).toBe(false);
  });

  it("is verified by another replica, and not by one with another audience or issuer", async () => {
    const token = await earn(room, secret);
    const authnAt = (settings: { readonly audience?: string; readonly issuer?: string }) =>
      authnFor({ ...room.replica(settings), clock: room.clock }, [token]);
    expect(await authnAt({})).toBeDefined();
    expect(await authnAt({ audience: "another" })).toBeUndefined();
    expect(await authnAt({ issuer: "another" })).toBeUndefined();
  });

  describe("refuses", () => {
    const foreign = generateKeyPairSync("ed25519").privateKey;
    const signed = (
      claims: JsonObject,
      header: { alg?: string; typ?: string; kid?: string } = {},
    ) =>
      new SignJWT({ ...claims }).setProtectedHeader({
        alg: "EdDSA",
        typ: "stile-grant+jwt",
        kid: room.keys.signing.kid,
        ...header,
      });
    const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    type Forge = (claims: JsonObject, token: string) => string | Promise<string>;

    it("none of these as a check that the forging itself is right", async () => {
      const token = await earn(room, secret);
      const copy = await signed(claimsIn(token)).sign(room.keys.signing.key);
      expect(await authnFor(room, [copy])).toBeDefined();
    });

    it.each<[string, Forge]>([
      ["an empty text", () => ""],
      ["what is no token", () => "a.b.c"],
      ["a token with alg none", (claims) => new UnsecuredJWT({ ...claims }).encode()],
      [
        "a token with alg none and its old signature",
        (_claims, token) => {
          const [, payload, signature] = token.split(".");
          return `${base64({ alg: "none", typ: "stile-grant+jwt" })}.${payload}.${signature}`;
        },
      ],
      [
        "a token signed with the public key as a shared secret",
        (claims) => {
          const shared = Buffer.from(room.keys.jwks().keys[0]?.x ?? "", "base64url");
          return signed(claims, { alg: "HS256" }).sign(shared);
        },
      ],
      [
        "a token of another algorithm",
        (claims) => {
          const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
          return signed(claims, { alg: "ES256" }).sign(privateKey);
        },
      ],
      ["a token of a foreign key under our key id", (claims) => signed(claims).sign(foreign)],
      ["a token of a foreign key", (claims) => signed(claims, { kid: "another" }).sign(foreign)],
      [
        "a token that brings its own key",
        (claims) => {
          const jwk = { kty: "OKP", crv: "Ed25519", x: "AAAA" };
          return new SignJWT({ ...claims })
            .setProtectedHeader({ alg: "EdDSA", typ: "stile-grant+jwt", kid: "another", jwk })
            .sign(foreign);
        },
      ],
      [
        "a token with another payload",
        (claims, token) => {
          const [header, , signature] = token.split(".");
          return `${header}.${base64({ ...claims, acr: "aal3" })}.${signature}`;
        },
      ],
      ["another type", (claims) => signed(claims, { typ: "JWT" }).sign(room.keys.signing.key)],
      ["another audience", (claims) => signed({ ...claims, aud: "x" }).sign(room.keys.signing.key)],
      ["another issuer", (claims) => signed({ ...claims, iss: "x" }).sign(room.keys.signing.key)],
      ["no expiry", ({ exp: _exp, ...claims }) => signed(claims).sign(room.keys.signing.key)],
      ["no id", ({ jti: _jti, ...claims }) => signed(claims).sign(room.keys.signing.key)],
      [
        "a binding of no kind",
        (claims) => signed({ ...claims, bind: "all" }).sign(room.keys.signing.key),
      ],
      [
        "no bound hash",
        ({ bound: _bound, ...claims }) => signed(claims).sign(room.keys.signing.key),
      ],
      [
        "an empty bound hash",
        (claims) => signed({ ...claims, bound: "" }).sign(room.keys.signing.key),
      ],
      [
        "once as text",
        (claims) => signed({ ...claims, once: "false" }).sign(room.keys.signing.key),
      ],
      ["a later start", (claims) => signed({ ...claims, nbf: 4e9 }).sign(room.keys.signing.key)],
      ["a token with trailing text", (_claims, token) => `${token}.x`],
      ["a token with a space", (_claims, token) => ` ${token}`],
      ["a very long token", (_claims, token) => token + "A".repeat(2_048)],
    ])("%s", async (_what, forge) => {
      const token = await earn(room, secret);
      const forged = await forge(claimsIn(token), token);
      expect(room.grants.known([forged])).toBe(forged.length > 2_048);
      expect(await authnFor(room, [forged])).toBeUndefined();
      expect(room.grants.known([forged])).toBe(true);
      expect(await authnFor(room, [forged, token])).toMatchObject({ acr: "aal2" });
    });
  });

  it("opens nothing for a request that has no canonical form", async () => {
    const token = await earn(room, secret);
    const action = { name: deploy.action.name, properties: { image: "\ud800" } };
    expect(await authnFor(room, [token], { action })).toBeUndefined();
  });

  it("knows no token before it has learned it", async () => {
    const token = await earn(room, secret);
    expect(room.grants.known([])).toBe(true);
    expect(room.grants.known([token])).toBe(false);
    const request = requestOf({ grants: [token] });
    expect(room.grants.authn(request, room.clock.nowMs(), [])).toBeUndefined();
    await room.grants.learn([token]);
    expect(room.grants.known([token])).toBe(true);
  });
});

describe("Grants within bounds", () => {
  it("forgets the longest unused tokens, and bad ones do not push out good ones", async () => {
    const room = openRoom(openMemory, { knownTokensMax: 4, refusedTokensMax: 4 });
    const secret = await enrol(room);
    const tokens: string[] = [];
    for (let count = 0; count < 5; count += 1) tokens.push(await earn(room, secret));
    const [first = "", ...later] = tokens;
    await room.grants.learn([first]);
    for (let count = 0; count < 50; count += 1) await room.grants.learn([`junk-${count}`]);
    expect(room.grants.known([first])).toBe(true);
    expect(room.grants.known(["junk-0"])).toBe(false);
    expect(room.grants.known(["junk-49"])).toBe(true);
    for (const token of later) await room.grants.learn([token]);
    expect(room.grants.known([first])).toBe(false);
    expect(await authnFor(room, [first])).toBeDefined();
    await room.close();
  });
});

describe("the law of grants", () => {
  const name = fc.constantFrom("a", "b", "a:b");
  const properties = fc.option(
    fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom<string | number>(1, "1", 2)),
    { nil: undefined },
  );
  const entity = fc.record({ type: name, id: name, properties });
  const context = fc.record({ session_id: fc.constantFrom("s", "t", "") });
  const arbitraryRequest = fc
    .record({
      subject: entity,
      action: fc.record({ name, properties }),
      resource: entity,
      context,
      policy: fc.constantFrom("", "p"),
    })
    .map((parts) => requestOf(parts));
  const bindings = fc.constantFrom<GrantBinding>("action", "resource", "session");

  /** What of a request a grant of this binding must agree on, written another way than the code. */
  function boundParts(request: DecisionRequest, bind: GrantBinding): unknown {
    const { subject, action, resource, policy } = request;
    const whole = [policy, subject.type, subject.id];
    const session = request.context["session_id"];
    if (bind === "session" && session !== "") return [...whole, { session }];
    if (bind !== "action") {
      const none = bind === "session" ? "no session" : "any session";
      return [...whole, resource.type, resource.id, none];
    }
    const sorted = (object: JsonObject | undefined) =>
      object === undefined
        ? "none"
        : Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1));
    return [
      ...whole,
      action.name,
      sorted(action.properties),
      resource.type,
      resource.id,
      sorted(resource.properties),
    ];
  }

  it("opens what it was bound to, and nothing else", async () => {
    const room = openRoom(openMemory);
    const tokens = createGrantTokens({ ...room, issuer: "stile", audience: "stile" });
    const nowS = room.clock.nowMs() / 1000;
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        arbitraryRequest,
        arbitraryRequest,
        bindings,
        async (earned, asked, bind) => {
          count += 1;
          const token = await tokens.sign({
            subject: entityKey(earned.subject),
            grantId: `g-${count}`,
            issuedAtS: nowS,
            expiresAtS: nowS + 60,
            authTimeS: nowS,
            acr: "aal2",
            amr: ["otp"],
            bind,
            bound: boundHash(earned, bind),
            once: false,
            policy: earned.policy,
          });
          const same = (one: unknown, other: unknown) =>
            JSON.stringify(one) === JSON.stringify(other);
          for (const request of [
            earned,
            asked,
            { ...asked, subject: earned.subject, policy: earned.policy },
          ]) {
            const opens = (await authnFor(room, [token], request)) !== undefined;
            expect(opens).toBe(same(boundParts(request, bind), boundParts(earned, bind)));
          }
        },
      ),
      { numRuns: 300 },
    );
    await room.close();
  });
});

function claimsIn(token: string): JsonObject {
  const {
    iat = 0,
    exp = 0,
    iss = "",
    sub = "",
    jti = "",
    ...others
  } = decodeJwt<JsonObject>(token);
  return { ...others, iat, exp, iss, sub, jti };
}
