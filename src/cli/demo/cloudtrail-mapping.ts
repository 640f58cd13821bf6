import type { Question } from "../../client/stile-client.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";

/**
 * How a CloudTrail line becomes a question. People keep their names and are taken for senior
 * engineers; roles that programs assume, and AWS itself, are taken for the CI robot: that is what
 * the calling service would tell of them. An event with a counterpart in the pack's catalogue is
 * asked as that, the rest as `aws.<service>.<event>` with what CloudTrail says of `readOnly`.
 */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ["GetSecretValue", "secret.read"],
  ["BatchGetSecretValue", "secret.read"],
  ["GetParameter", "secret.read"],
  ["GetParameters", "secret.read"],
  ["DeleteSecret", "secret.delete"],
  ["AuthorizeSecurityGroupIngress", "security_group.change"],
  ["AuthorizeSecurityGroupEgress", "security_group.change"],
  ["RevokeSecurityGroupIngress", "security_group.change"],
  ["CreateSecurityGroup", "security_group.change"],
  ["DeleteSecurityGroup", "security_group.change"],
  ["CreateRoute", "route.change"],
  ["DeleteRoute", "route.change"],
  ["ModifySnapshotAttribute", "snapshot.share"],
  ["ModifyImageAttribute", "snapshot.share"],
  ["StopLogging", "logging.stop"],
  ["DeleteTrail", "audit.disable"],
  ["UpdateTrail", "audit.disable"],
  ["PutEventSelectors", "audit.disable"],
  ["DeleteFlowLogs", "logging.stop"],
  ["AttachUserPolicy", "user.grant_role"],
  ["AttachRolePolicy", "user.grant_role"],
  ["PutUserPolicy", "user.grant_role"],
  ["PutRolePolicy", "user.grant_role"],
  ["UpdateAssumeRolePolicy", "role.change"],
  ["AddUserToGroup", "user.grant_role"],
  ["CreatePolicyVersion", "policy.change"],
  ["DeleteBucket", "bucket.delete"],
  ["TerminateInstances", "system.halt"],
  ["StopInstances", "system.halt"],
]);

/** One line of the log, as a question at its own time. */
export interface CloudTrailQuestion {
  readonly question: Question;
  readonly timeMs: number;
  /** `iam.CreateUser` */
  readonly event: string;
}

/** @returns undefined for a line that is no CloudTrail event. */
export function questionFromCloudTrail(line: unknown): CloudTrailQuestion | undefined {
  if (!isJsonObject(line)) return undefined;
  const name = textAt(line, "eventName");
  const timeMs = Date.parse(textAt(line, "eventTime"));
  if (name === "" || Number.isNaN(timeMs)) return undefined;
  const service = textAt(line, "eventSource").replace(/\.amazonaws\.com$/, "") || "aws";
  const subject = subjectOf(line["userIdentity"]);
  const known = ACTIONS.get(name);
  const action = known ?? `aws.${service}.${name}`;
  return {
    question: {
      subject,
      action: { name: action, properties: { read_only: line["readOnly"] === true } },
      resource: resourceOf(line, service),
      context: contextOf(line),
    },
    timeMs,
    event: `${service}.${name}`,
  };
}

function subjectOf(identity: unknown): Question["subject"] {
  if (!isJsonObject(identity)) return robot("aws");
  const type = textAt(identity, "type");
  const userName = textAt(identity, "userName");
  if (type === "IAMUser" && userName !== "") {
    return { type: "user", id: userName, properties: { roles: ["senior_engineer"] } };
  }
  if (type === "Root")
    return { type: "user", id: "root", properties: { roles: ["senior_engineer"] } };
  const arn = textAt(identity, "arn");
  return robot(arn === "" ? textAt(identity, "invokedBy") || type || "aws" : arn.slice(0, 512));
}

function robot(id: string): Question["subject"] {
  return { type: "service", id, properties: { roles: ["ci_robot"] } };
}

function resourceOf(line: JsonObject, service: string): Question["resource"] {
  const resources = line["resources"];
  const first: unknown = Array.isArray(resources) ? resources[0] : undefined;
  const arn = isJsonObject(first) ? textAt(first, "ARN") || textAt(first, "arn") : "";
  const account = textAt(line, "recipientAccountId");
  return { type: `aws_${service}`, id: (arn || account || "unknown").slice(0, 512) };
}

/** CloudTrail names services as the source of calls that AWS made itself. */
function contextOf(line: JsonObject): JsonObject {
  const address = textAt(line, "sourceIPAddress");
  const context: Record<string, string> = {
    user_agent: textAt(line, "userAgent").slice(0, 1024),
    region: textAt(line, "awsRegion"),
  };
  if (/^[0-9a-fA-F.:]+$/.test(address)) context["ip"] = address;
  return context;
}

function textAt(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}
