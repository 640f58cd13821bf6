import type { Question } from "../../client/stile-client.ts";
import { entityKey } from "../../core/decision.ts";
import type { Signal } from "../../core/features.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { actionOfEvent } from "./cloudtrail-actions.ts";

/*
 * How a line of CloudTrail becomes a question. Nobody in such a log is named in the pack, so each
 * subject is told with the roles that a calling service would tell:
 *
 * - people (IAM users, the root account, who came through the identity centre): senior_engineer;
 * - roles that programs assume, by the name of the role: ci_robot, as type `workload`;
 * - AWS itself, also where it acts on behalf of a person, whose own call is another line:
 *   ci_robot, as type `service`.
 *
 * CloudTrail knows neither device nor country, so both are missing, and the pack asks for that.
 */

/** One line of the log, as a question at its own time. */
export interface CloudTrailQuestion {
  readonly question: Question;
  /** ms since the Unix epoch. */
  readonly timeMs: number;
  /** What the event itself tells, to be observed before the question is asked. */
  readonly signal: Signal | undefined;
}

const ID_CHARACTERS_MAX = 512;
const SERVICE_CHARACTERS_MAX = 128;
const USER_AGENT_CHARACTERS_MAX = 1_024;
/** Roles by which the identity centre lets people in; the session is then named for the person. */
const PEOPLES_ROLE = /^AWSReservedSSO_/;

/** @returns undefined for a line that is no CloudTrail event. */
export function questionFromCloudTrail(line: unknown): CloudTrailQuestion | undefined {
  if (!isJsonObject(line)) return undefined;
  const name = textAt(line, "eventName");
  const timeMs = Date.parse(textAt(line, "eventTime"));
  if (name === "" || Number.isNaN(timeMs)) return undefined;
  const source = textAt(line, "eventSource").slice(0, SERVICE_CHARACTERS_MAX);
  const service = source.replace(/\.amazonaws\.com$/, "") || "unknown";
  const subject = subjectOf(objectAt(line, "userIdentity"));
  const context = contextOf(line);
  const question: Question = {
    subject,
    action: {
      name: actionOfEvent(service, name).slice(0, 256),
      properties: { read_only: line["readOnly"] === true },
    },
    resource: resourceOf(line, service),
    context,
  };
  return { question, timeMs, signal: signalOf(line, subject, timeMs, context) };
}

function subjectOf(identity: JsonObject): Question["subject"] {
  const invokedBy = textAt(identity, "invokedBy");
  if (invokedBy !== "") return robot("service", invokedBy);
  const arn = textAt(identity, "arn");
  switch (textAt(identity, "type")) {
    case "Root":
      return person("root");
    case "AssumedRole":
      return assumedRole(identity, arn);
    case "AWSService":
      return robot("service", "aws");
    default: {
      const name = textAt(identity, "userName") || arn || textAt(identity, "principalId");
      return name === "" ? robot("service", "aws") : person(name);
    }
  }
}

/** `arn:aws:sts::<account>:assumed-role/<role>/<session>` */
function assumedRole(identity: JsonObject, arn: string): Question["subject"] {
  const [, role = "", session = ""] = arn.split("/");
  const issuer = objectAt(objectAt(identity, "sessionContext"), "sessionIssuer");
  const name = textAt(issuer, "userName") || role || textAt(identity, "principalId") || "unknown";
  return PEOPLES_ROLE.test(name) && session !== "" ? person(session) : robot("workload", name);
}

function person(id: string): Question["subject"] {
  return {
    type: "user",
    id: id.slice(0, ID_CHARACTERS_MAX),
    properties: { roles: ["senior_engineer"] },
  };
}

function robot(type: "service" | "workload", id: string): Question["subject"] {
  return { type, id: id.slice(0, ID_CHARACTERS_MAX), properties: { roles: ["ci_robot"] } };
}

/** The first resource that the line names, or a parameter that is one, or else the service. */
function resourceOf(line: JsonObject, service: string): Question["resource"] {
  const resources = line["resources"];
  const first: unknown = Array.isArray(resources) ? resources[0] : undefined;
  const named = isJsonObject(first) ? textAt(first, "ARN") : "";
  const parameters = Object.values(objectAt(line, "requestParameters"));
  const given = parameters.find((value) => typeof value === "string" && value.startsWith("arn:"));
  const arn = named || (typeof given === "string" ? given : "");
  if (arn === "") return { type: "service", id: service };
  return { type: `aws.${service}`, id: arn.slice(0, ID_CHARACTERS_MAX) };
}

/** Calls that AWS makes itself name a service where others have an address. */
function contextOf(line: JsonObject): JsonObject {
  const address = textAt(line, "sourceIPAddress");
  return {
    user_agent: textAt(line, "userAgent").slice(0, USER_AGENT_CHARACTERS_MAX),
    region: textAt(line, "awsRegion"),
    ...(/^[0-9a-fA-F.:]+$/.test(address) ? { ip: address } : {}),
  };
}

/** A sign-in at the console is told as one; other events say nothing of sign-ins. */
function signalOf(
  line: JsonObject,
  subject: Question["subject"],
  timeMs: number,
  context: JsonObject,
): Signal | undefined {
  const id = textAt(line, "eventID");
  if (textAt(line, "eventName") !== "ConsoleLogin" || id === "") return undefined;
  const outcome = textAt(objectAt(line, "responseElements"), "ConsoleLogin");
  const types = new Map([
    ["Success", "login_succeeded"],
    ["Failure", "login_failed"],
  ]);
  const type = types.get(outcome);
  if (type === undefined) return undefined;
  const data = typeof context["ip"] === "string" ? { ip: context["ip"] } : {};
  return { id, source: "cloudtrail", type, timeMs, subject: entityKey(subject), data };
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

function textAt(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}
