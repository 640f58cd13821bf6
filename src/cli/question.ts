import { hostname, userInfo } from "node:os";
import type { Command } from "commander";
import type { Question } from "../client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { UsageError } from "./exit.ts";

/** Options that `decide` and `exec` share: who wants to do what to what. */
export interface QuestionOptions {
  readonly subject?: string;
  readonly action: string;
  readonly resource: string;
  readonly subjectProperties?: string;
  readonly actionProperties?: string;
  readonly resourceProperties?: string;
  readonly context: readonly string[];
  readonly contextJson?: string;
  readonly device: string | boolean;
  readonly policy: string;
  readonly grant: readonly string[];
}

export function addQuestionOptions(command: Command): Command {
  const gather = (value: string, before: readonly string[]): readonly string[] => [
    ...before,
    value,
  ];
  return command
    .requiredOption("--action <name>", "what is to be done, such as deploy.production")
    .requiredOption("--resource <type:id>", "to what, such as service:payments")
    .option("--subject <type:id>", "who wants it (default: user:<login name>)")
    .option("--subject-properties <json>", "what is known of the subject, as a JSON object")
    .option("--action-properties <json>", "parameters of the action, as a JSON object")
    .option("--resource-properties <json>", "what is known of the resource, as a JSON object")
    .option("--context <key=value>", "a circumstance, such as country=DE; repeatable", gather, [])
    .option("--context-json <json>", "circumstances as a JSON object")
    .option("--device <id>", "device_id of the context (default: this host's name)")
    .option("--no-device", "leave device_id out")
    .option("--policy <name>", "policy to ask", "")
    .option("--grant <token>", "grant earned before; repeatable", gather, []);
}

/** @throws UsageError that names the option, what it held and what it takes. */
export function questionOf(options: QuestionOptions): Question {
  const subject = entityOf("--subject", options.subject ?? `user:${userInfo().username}`);
  const resource = entityOf("--resource", options.resource);
  return {
    subject: { ...subject, ...propertiesOf("--subject-properties", options.subjectProperties) },
    action: {
      name: options.action,
      ...propertiesOf("--action-properties", options.actionProperties),
    },
    resource: { ...resource, ...propertiesOf("--resource-properties", options.resourceProperties) },
    context: contextOf(options),
    policy: options.policy,
    grants: options.grant,
  };
}

/** @throws UsageError */
export function entityOf(option: string, text: string): { type: string; id: string } {
  const cut = text.indexOf(":");
  if (cut < 1 || cut === text.length - 1) {
    throw new UsageError(`${option} is "${text}", expected type:id, such as user:ada`);
  }
  return { type: text.slice(0, cut), id: text.slice(cut + 1) };
}

function contextOf(options: QuestionOptions): JsonObject {
  const context: Record<string, JsonObject[string]> = {
    ...objectOf("--context-json", options.contextJson),
  };
  if (options.device !== false && context["device_id"] === undefined) {
    context["device_id"] = typeof options.device === "string" ? options.device : hostname();
  }
  for (const pair of options.context) {
    const cut = pair.indexOf("=");
    if (cut < 1) throw new UsageError(`--context is "${pair}", expected key=value`);
    context[pair.slice(0, cut)] = pair.slice(cut + 1);
  }
  return context;
}

function propertiesOf(option: string, text: string | undefined): { properties?: JsonObject } {
  return text === undefined ? {} : { properties: objectOf(option, text) };
}

function objectOf(option: string, text: string | undefined): JsonObject {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through to the one message for text that is no JSON object.
  }
  throw new UsageError(`${option} is ${text}, expected a JSON object`);
}
