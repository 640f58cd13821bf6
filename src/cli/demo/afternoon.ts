import { allowed, challenged, denied } from "./ask.ts";
import type { Scene } from "./scene.ts";
import { TEAM } from "./team.ts";

const { ada, bo, cleo, esra } = TEAM;

const deploy = { does: "deploy.production", on: "service:payments", params: { version: "4.13.0" } };

export const AFTERNOON: readonly Scene[] = [
  {
    time: "13:10",
    title: "The risk service puts ada's score at 0.95",
    play: async (stage) => {
      await stage.put("subject", "user:ada", { risk_score: 0.95 });
      await stage.ask(ada, deploy, denied("risk_too_high"));
      stage.note("It was a false alarm: the score goes back to 0.05.");
      await stage.put("subject", "user:ada", { risk_score: 0.05 });
      await stage.ask(ada, deploy, allowed("permitted"));
    },
  },
  {
    time: "14:00",
    title: "An incident: its commander is not slowed down, and always recorded",
    play: async (stage) => {
      const context = { device_id: "war-room-tablet", incident: "INC-412" };
      const restart = { does: "process.restart", on: "service:payments", context };
      await stage.ask(cleo, restart, challenged("device_unknown", "incident_not_declared"));
      stage.note("The incident INC-412 is declared.");
      await stage.signal("incident_opened", "", { incident: "INC-412" });
      await stage.ask(cleo, restart, allowed("incident_declared"));
      stage.note("What is critical asks even now.");
      const halt = { does: "system.halt", on: "system:payments", context };
      await stage.askAndProve(cleo, halt, {
        first: challenged("critical_action"),
        again: allowed("step_up_satisfied"),
      });
    },
  },
  {
    time: "15:00",
    title: "A change freeze holds deploys back, not rollbacks",
    play: async (stage) => {
      await stage.ask(
        esra,
        { does: "freeze.declare", on: "service:payments" },
        allowed("permitted"),
      );
      await stage.put("resource", "service:payments", { change_freeze: true });
      await stage.ask(ada, deploy, denied("change_freeze"));
      await stage.ask(ada, { ...deploy, does: "deploy.rollback" }, allowed("permitted"));
    },
  },
  {
    time: "16:00",
    title: "A critical action asks every time: its grant opens it once",
    play: async (stage) => {
      const remove = { does: "backup.delete", on: "backup:payments-2025" };
      const grant = await stage.askAndProve(ada, remove, {
        first: challenged("critical_action"),
        again: allowed("step_up_satisfied"),
      });
      stage.note("The same grant again:");
      await stage.ask(ada, { ...remove, grants: [grant] }, challenged("critical_action"));
    },
  },
  {
    time: "16:30",
    title: "A stolen grant opens nothing else, and nothing for anybody else",
    play: async (stage) => {
      const shell = { does: "k8s.exec", on: "pod:payments-7f9c" };
      const grant = await stage.askAndProve(bo, shell, {
        first: challenged("junior_role"),
        again: allowed("step_up_satisfied"),
      });
      stage.note("Somebody copies the grant, and tries it on a host, and as ada.");
      const stolen = { context: { device_id: "unknown-box" }, grants: [grant] };
      const ssh = { does: "host.ssh", on: "host:payments-1", ...stolen };
      await stage.ask(bo, ssh, challenged("device_unknown", "junior_role"));
      await stage.ask(ada, { ...shell, ...stolen }, challenged("device_unknown"));
    },
  },
  {
    time: "22:40",
    title: "After hours, unless the device is managed",
    play: async (stage) => {
      const restart = { does: "process.restart", on: "service:ledger" };
      await stage.ask(ada, restart, challenged("off_hours"));
      stage.note("The device management tells that ada-laptop is one of its own.");
      await stage.put("device", "ada-laptop", { managed: true });
      await stage.ask(ada, restart, allowed("permitted"));
    },
  },
];
