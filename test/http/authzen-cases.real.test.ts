import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireReal } from "../real/require-real.ts";
import { type CertificationCase, certification, haveVectors, todo } from "./authzen-vectors.ts";
import { type RunningApp, startWith } from "./running-app.ts";

const opa = await requireReal("opa");
const isReady = opa.present && haveVectors;
if (!haveVectors) console.warn("SKIPPED, the AuthZEN cases are not beside the project");

describe.skipIf(!isReady)("the certification cases of AuthZEN 1.0", () => {
  const { fixture, cases } = isReady ? certification() : { fixture: null, cases: [] };
  const isSearch = ({ path }: CertificationCase): boolean => path.includes("/search/");
  let running: RunningApp;
  beforeAll(async () => {
    running = await startWith({ folder: "certification", opa: opa.path, data: { fixture } });
  });
  afterAll(() => running.stop());

  it("are all there", () => {
    expect(cases.length).toBe(50);
    expect(cases.filter(isSearch).length).toBe(21);
  });

  it.each(cases.filter((one) => !isSearch(one)))("$id $section", async (one) => {
    const { status, body } = await running.post(one.path, one.request);
    expect({ status, body }).toEqual({ status: one.expect_status, body });
    // Without a wanted body, anything will do.
    expect(body).toMatchObject(one.expect_body === null ? anyBody(body) : bodyWanted(one));
    const again = await running.post(one.path, one.request);
    expect(decisionsOf(again.body)).toEqual(decisionsOf(body));
  });

  it.each(cases.filter(isSearch))("$id $section is not offered by this policy", async (one) => {
    expect((await running.post(one.path, one.request)).status).toBe(501);
  });

  it.each([
    ["a type that is not JSON", "{}", { "content-type": "text/plain" }],
    ["malformed JSON", '{"subject":', {}],
    ["an empty body", "", {}],
  ])("refuses %s by 400", async (_, body, headers) => {
    const answer = await running.post("/access/v1/evaluation", body, headers);
    expect(answer.status).toBe(400);
    expect(answer.body).toHaveProperty("error");
  });

  it("names its endpoints", async () => {
    const { status, headers, body } = await running.get("/.well-known/authzen-configuration");
    const base = `http://${running.app.httpAddress}`;
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("application/json");
    expect(body).toEqual({
      policy_decision_point: base,
      access_evaluation_endpoint: `${base}/access/v1/evaluation`,
      access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    });
  });
});

describe.skipIf(!isReady)("the Todo cases of the AuthZEN interop events", () => {
  const { users, evaluation, evaluations } = isReady
    ? todo()
    : { users: null, evaluation: [], evaluations: [] };
  let running: RunningApp;
  beforeAll(async () => {
    running = await startWith({ folder: "todo", opa: opa.path, data: { users } });
  });
  afterAll(() => running.stop());

  it("are all there", () => {
    expect([evaluation.length, evaluations.length]).toEqual([80, 3]);
  });

  it.each(evaluation)("%# decides as expected: $expected", async ({ request, expected }) => {
    const { status, body } = await running.post("/access/v1/evaluation", request);
    expect(status).toBe(200);
    expect(body).toMatchObject({ decision: expected });
  });

  it.each(evaluations)("%# decides many as expected", async ({ request, expected }) => {
    const { status, body } = await running.post("/access/v1/evaluations", request);
    expect(status).toBe(200);
    expect(body).toMatchObject({ evaluations: expected });
  });
});

/** Where a case wants a shape alone, it says what the decisions are where it knows them. */
function bodyWanted({ expect_body: wanted }: CertificationCase): object {
  if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) return {};
  const shape = wanted["_shape"];
  if (typeof shape !== "string") return wanted;
  const shown = [...shape.matchAll(/"decision": (true|false|<boolean>)/g)];
  return {
    evaluations: shown.map(([, decision]) =>
      decision === "<boolean>" ? {} : { decision: decision === "true" },
    ),
  };
}

function anyBody(body: unknown): object {
  return typeof body === "object" && body !== null ? body : {};
}

function decisionsOf(body: unknown): string {
  return [...JSON.stringify(body).matchAll(/"decision":(true|false)/g)].join();
}
