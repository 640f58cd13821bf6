import type { Answer, Question } from "../../client/stile-client.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Stage } from "./stage.ts";

/** One answer within a scene, with what the story expects of it. */
export interface Beat {
  readonly says: string;
  readonly question: Question;
  readonly answer: Answer;
  readonly expected: Answer["kind"];
}

/** One scene of the day. */
export interface Scene {
  readonly time: string;
  readonly title: string;
  readonly play: (stage: Stage) => Promise<readonly Beat[]>;
}

const LAPTOPS: Readonly<Record<string, string>> = {
  ada: "ada-laptop",
  bo: "bo-laptop",
  cleo: "cleo-laptop",
};

/** @returns a person's question, from their own device at home in the Netherlands. */
function by(
  id: string,
  action: string,
  resource: string,
  context: JsonObject = {},
  grants: readonly string[] = [],
): Question {
  return {
    subject: { type: "user", id },
    action: { name: action },
    resource: { type: "service", id: resource },
    context: {
      device_id: LAPTOPS[id] ?? `${id}-laptop`,
      country: "NL",
      ip: "192.0.2.10",
      ...context,
    },
    grants,
  };
}

async function beat(
  stage: Stage,
  says: string,
  expected: Answer["kind"],
  question: Question,
): Promise<Beat> {
  return { says, question, expected, answer: await stage.ask(question) };
}

/** Asks, proves, and asks again with the grant. */
async function asked(
  stage: Stage,
  says: string,
  id: string,
  question: Question,
): Promise<{ readonly beats: readonly Beat[]; readonly grant: string }> {
  const first = await beat(stage, says, "step_up", question);
  const grant = await stage.prove(id, first.answer);
  const again = await beat(stage, "with the code from the authenticator", "allow", {
    ...question,
    grants: [grant],
  });
  return { beats: [first, again], grant };
}

/** What the team's risk engine and identity provider tell through the day. */
async function quiet(stage: Stage, id: string): Promise<void> {
  await stage.signal("login_succeeded", `user:${id}`, { country: "NL", ip: "192.0.2.10" });
  await stage.put("subject", `user:${id}`, { risk_score: 0.1, impossible_travel: false });
  await stage.put("resource", "service:payments", { change_freeze: false });
}

export const SCENES: readonly Scene[] = [
  {
    time: "08:00",
    title: "Looking is free",
    play: async (stage) => [
      await beat(stage, "dov opens a dashboard", "allow", by("dov", "dashboard.read", "payments")),
    ],
  },
  {
    time: "08:15",
    title: "A production deploy from a laptop that nobody has seen",
    play: async (stage) => {
      await stage.enrol("ada");
      return (await asked(stage, "ada deploys", "ada", by("ada", "deploy.production", "payments")))
        .beats;
    },
  },
  {
    time: "09:00",
    title: "The laptop and the country are known now, and nothing speaks against it",
    play: async (stage) => {
      await quiet(stage, "ada");
      return [
        await beat(stage, "ada deploys again", "allow", by("ada", "deploy.production", "payments")),
      ];
    },
  },
  {
    time: "09:10",
    title: "A junior is asked where a senior is not",
    play: async (stage) => {
      await stage.enrol("bo");
      await stage.signal("device_seen", "user:bo", { device_id: "bo-laptop" });
      await quiet(stage, "bo");
      const { beats, grant } = await asked(
        stage,
        "bo deploys",
        "bo",
        by("bo", "deploy.production", "payments"),
      );
      const other = by("bo", "deploy.production", "ledger", {}, [grant]);
      return [...beats, await beat(stage, "the same grant, on another service", "step_up", other)];
    },
  },
  {
    time: "09:20",
    title: "A role that does not cover it",
    play: async (stage) => [
      await beat(stage, "dov deploys", "deny", by("dov", "deploy.production", "payments")),
    ],
  },
  {
    time: "09:30",
    title: "The pipeline deploys an approved change, and nothing else",
    play: async (stage) => {
      const robot = { type: "service", id: "ci-deployer" };
      await stage.signal("login_succeeded", "service:ci-deployer", { ip: "192.0.2.99" });
      await stage.put("subject", "service:ci-deployer", {
        risk_score: 0,
        impossible_travel: false,
      });
      const question = (context: JsonObject): Question => ({
        subject: robot,
        action: { name: "deploy.production" },
        resource: { type: "service", id: "payments" },
        context: { ip: "192.0.2.99", ...context },
      });
      return [
        await beat(stage, "ci-deployer deploys without a change", "deny", question({})),
        await beat(
          stage,
          "ci-deployer deploys change CHG-42",
          "allow",
          question({ change: "CHG-42" }),
        ),
      ];
    },
  },
  {
    time: "10:00",
    title: "Five failed sign-ins in ada's name",
    play: async (stage) => {
      await quiet(stage, "ada");
      for (let tries = 0; tries < 5; tries += 1) {
        await stage.signal("login_failed", "user:ada", { ip: "203.0.113.66" });
      }
      return [
        await beat(stage, "ada deploys", "step_up", by("ada", "deploy.production", "payments")),
      ];
    },
  },
  {
    time: "10:30",
    title: "The risk engine calls the session as good as stolen",
    play: async (stage) => {
      await stage.put("subject", "user:ada", { risk_score: 0.95 });
      return [await beat(stage, "ada deploys", "deny", by("ada", "deploy.production", "payments"))];
    },
  },
  {
    time: "11:00",
    title: "An incident is declared: its commander is not slowed down, but recorded",
    play: async (stage) => {
      await quiet(stage, "cleo");
      const failover = by("cleo", "service.failover", "payments", { incident: "INC-311" });
      const before = await beat(
        stage,
        "cleo names an incident that nobody declared",
        "step_up",
        failover,
      );
      await stage.signal("incident_opened", "", { incident: "INC-311" });
      return [before, await beat(stage, "INC-311 is declared", "allow", failover)];
    },
  },
  {
    time: "12:00",
    title: "A change freeze",
    play: async (stage) => {
      await quiet(stage, "esra");
      await stage.put("resource", "service:ledger", { change_freeze: true });
      return [await beat(stage, "esra deploys", "deny", by("esra", "deploy.production", "ledger"))];
    },
  },
  {
    time: "14:00",
    title: "The production firewall: everybody is asked, every time",
    play: async (stage) => {
      await stage.enrol("finn");
      await quiet(stage, "finn");
      const change = by("finn", "firewall.disable", "payments");
      const { beats, grant } = await asked(
        stage,
        "finn switches it off for a test",
        "finn",
        change,
      );
      const again = { ...change, grants: [grant] };
      return [...beats, await beat(stage, "the same grant a second time", "step_up", again)];
    },
  },
];
