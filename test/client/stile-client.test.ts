import { describe, expect, it, onTestFinished } from "vitest";
import { StileClient } from "../../src/client/stile-client.ts";
import { bindService, type HandlersOf } from "../../src/grpc/server.ts";
import { DecisionService, Outcome } from "../../src/wire/messages.ts";
import { allowAll, REQUEST, serveDecider, serveForTest } from "../grpc/grpc-fixture.ts";

type Handlers = HandlersOf<typeof DecisionService>;
type Response = Parameters<Parameters<Handlers["decide"]>[1]>[1];

/** A client of a server that answers each request by this message. */
async function clientOf(response: NonNullable<Response>): Promise<StileClient> {
  const handlers: Handlers = {
    decide: (_, callback) => callback(null, response),
    decideBatch: (_, callback) => callback(null, {}),
    decideStream: (call) => call.end(),
  };
  const { address } = await serveForTest(bindService(DecisionService, handlers));
  const client = new StileClient(address);
  onTestFinished(() => client.close());
  return client;
}

describe("the client", () => {
  it.each([
    ["an answer that says nothing", {}],
    ["a step-up without a challenge", { outcome: Outcome.STEP_UP }],
    [
      "an error beside an allow",
      { outcome: Outcome.ALLOW, error: { code: 13, message: "broken" } },
    ],
    ["an outcome that is not set, beside a challenge", { challenge: { id: "c" } }],
  ] satisfies (readonly [string, NonNullable<Response>])[])(
    "takes %s for a deny",
    async (_, response) => {
      const client = await clientOf(response);
      expect((await client.decide(REQUEST)).kind).toBe("deny");
    },
  );

  it("reads a challenge with what it demands", async () => {
    const client = await clientOf({
      outcome: Outcome.STEP_UP,
      challenge: {
        id: "c-1",
        demand: {
          amr: ["otp"],
          acr: "aal2",
          maxAge: { seconds: 300n, nanos: 0 },
          methods: ["totp"],
          bind: "action",
          once: true,
        },
        expiresAt: { seconds: 1_784_109_600n, nanos: 500_000_000 },
      },
    });
    expect(await client.decide(REQUEST)).toMatchObject({
      kind: "step_up",
      challenge: {
        id: "c-1",
        amr: ["otp"],
        acr: "aal2",
        maxAgeS: 300,
        methods: ["totp"],
        bind: "action",
        once: true,
        expiresAtMs: 1_784_109_600_500,
      },
    });
  });

  it("sends the question as it is", async () => {
    const decider = allowAll();
    const { address } = await serveDecider(decider);
    const client = new StileClient(address);
    onTestFinished(() => client.close());
    const properties = { version: "1.2.3", nested: { list: [1, "two", null, true] } };
    await client.decide({
      subject: { type: "user", id: "ada", properties },
      action: { name: "deploy.production", properties },
      resource: { type: "service", id: "payments", properties },
      context: { device_id: "laptop-1" },
      policy: "default",
      grants: ["g"],
      atLeastAsFresh: "t",
      requestId: "r",
    });
    expect(decider.seen).toEqual([
      {
        subject: { type: "user", id: "ada", properties },
        action: { name: "deploy.production", properties },
        resource: { type: "service", id: "payments", properties },
        context: { device_id: "laptop-1" },
        contextText: '{"device_id":"laptop-1"}',
        policy: "default",
        grants: ["g"],
        atLeastAsFresh: "t",
        requestId: "r",
      },
    ]);
  });
});
