import { allowed, challenged, denied } from "./ask.ts";
import type { Scene } from "./scene.ts";
import { TEAM } from "./team.ts";

const { ada, bo, dov, finn, kim, robot } = TEAM;

const release = {
  does: "deploy.production",
  on: "service:payments",
  params: { version: "4.12.0" },
};
const newLaptop = { device_id: "ada-laptop-2" };

export const MORNING: readonly Scene[] = [
  {
    time: "08:02",
    title: "Dashboards are open to everybody; metrics are for the team",
    play: async (stage) => {
      await stage.ask(
        kim,
        { does: "dashboard.read", on: "dashboard:payments" },
        allowed("harmless"),
      );
      await stage.ask(kim, { does: "metrics.query", on: "service:payments" }, denied("no_role"));
    },
  },
  {
    time: "08:15",
    title: "A deploy to staging asks nothing",
    play: async (stage) => {
      const ask = { does: "deploy.staging", on: "service:payments", environment: "staging" };
      await stage.ask(ada, ask, allowed("permitted"));
    },
  },
  {
    time: "09:05",
    title: "A production deploy from a new laptop",
    play: async (stage) => {
      await stage.askAndProve(
        ada,
        { ...release, context: newLaptop },
        { first: challenged("device_unknown"), again: allowed("permitted") },
      );
      stage.note("From now on ada-laptop-2 is one of the devices that ada is known by.");
    },
  },
  {
    time: "09:25",
    title: "The next version, from the same laptop: nothing is asked any more",
    play: async (stage) => {
      const next = { ...release, params: { version: "4.12.1" }, context: newLaptop };
      await stage.ask(ada, next, allowed("permitted"));
    },
  },
  {
    time: "09:40",
    title: "The same deploy by a junior engineer, from a known laptop",
    play: async (stage) => {
      await stage.askAndProve(
        bo,
        { ...release, params: { version: "4.12.2" } },
        { first: challenged("junior_role"), again: allowed("step_up_satisfied") },
      );
    },
  },
  {
    time: "10:05",
    title: "A viewer wants to deploy",
    play: async (stage) => {
      await stage.ask(dov, release, denied("not_permitted"));
    },
  },
  {
    time: "10:20",
    title: "The build robot deploys with an approved change, and not without",
    play: async (stage) => {
      await stage.ask(robot, release, denied("change_required"));
      await stage.ask(robot, { ...release, context: { change: "CHG-2207" } }, allowed("permitted"));
    },
  },
  {
    time: "10:50",
    title: "A secret is read from a country where ada has not worked before",
    play: async (stage) => {
      const context = { ...newLaptop, country: "PT", ip: "203.0.113.7" };
      const seen = { device_id: newLaptop.device_id, ip: context.ip };
      await stage.signal("device_seen", "user:ada", seen);
      const ask = { does: "secret.read", on: "secret:payments-db", context };
      const asked = await stage.ask(ada, ask, challenged("country_new"));
      await stage.mistype(ada, asked);
      const grant = await stage.prove(ada, asked);
      await stage.ask(ada, { ...ask, grants: [grant] }, allowed("permitted"));
    },
  },
  {
    time: "11:20",
    title: "Failed sign-ins raise the bar for a while",
    play: async (stage) => {
      const change = { does: "firewall.change", on: "firewall:edge" };
      await stage.ask(finn, change, allowed("permitted"));
      stage.note("Somebody guesses at finn's password, three times.");
      for (let tries = 0; tries < 3; tries += 1) {
        await stage.signal("login_failed", "user:finn", { ip: "203.0.113.99" });
      }
      await stage.ask(finn, change, challenged("failed_logins"));
      await stage.ask(finn, { does: "log.read", on: "service:payments" }, allowed("permitted"));
    },
  },
  {
    time: "11:40",
    title: "A quarter of an hour later the sign-ins are forgotten",
    play: async (stage) => {
      const change = { does: "firewall.change", on: "firewall:edge" };
      await stage.ask(finn, change, allowed("permitted"));
    },
  },
];
