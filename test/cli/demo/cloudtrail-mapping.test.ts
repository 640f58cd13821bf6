import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { actionOfEvent, MAPPED_ACTIONS } from "../../../src/cli/demo/cloudtrail-actions.ts";
import { questionFromCloudTrail } from "../../../src/cli/demo/cloudtrail-mapping.ts";
import type { JsonObject } from "../../../src/core/json.ts";

const EVENT = {
  eventName: "GetSecretValue",
  eventSource: "secretsmanager.amazonaws.com",
  eventTime: "2023-07-10T11:57:48Z",
  eventID: "0d9d2e1c-0000-4000-8000-000000000001",
  awsRegion: "eu-north-1",
  sourceIPAddress: "192.168.10.20",
  userAgent: "Boto3/1.26",
  userIdentity: { type: "IAMUser", userName: "mira", arn: "arn:aws:iam::1:user/mira" },
  readOnly: true,
};
const person = (id: string): object => ({
  type: "user",
  id,
  properties: { roles: ["senior_engineer"] },
});
const robot = (type: string, id: string): object => ({
  type,
  id,
  properties: { roles: ["ci_robot"] },
});
const assumed = (role: string, session: string): JsonObject => ({
  type: "AssumedRole",
  arn: `arn:aws:sts::1:assumed-role/${role}/${session}`,
  sessionContext: { sessionIssuer: { type: "Role", userName: role } },
});

interface Row {
  readonly name: string;
  readonly changes: JsonObject;
  readonly wants: object;
}

const SUBJECTS: readonly Row[] = [
  { name: "an IAM user", changes: {}, wants: person("mira") },
  { name: "the root account", changes: { userIdentity: { type: "Root" } }, wants: person("root") },
  {
    name: "a user without a name",
    changes: { userIdentity: { type: "IAMUser", principalId: "AIDA1" } },
    wants: person("AIDA1"),
  },
  {
    name: "a role that a program assumed",
    changes: { userIdentity: assumed("nightly-backup", "i-0f00") },
    wants: robot("workload", "nightly-backup"),
  },
  {
    name: "a role whose issuer is not told",
    changes: {
      userIdentity: { type: "AssumedRole", arn: "arn:aws:sts::1:assumed-role/nightly/i-0f00" },
    },
    wants: robot("workload", "nightly"),
  },
  {
    name: "a person of the identity centre",
    changes: { userIdentity: assumed("AWSReservedSSO_Admins_0a1b", "mira@example.com") },
    wants: person("mira@example.com"),
  },
  {
    name: "a service of AWS",
    changes: { userIdentity: { type: "AWSService", invokedBy: "ec2.amazonaws.com" } },
    wants: robot("service", "ec2.amazonaws.com"),
  },
  {
    name: "a service of AWS without a type",
    changes: { userIdentity: { accountId: "1", invokedBy: "secretsmanager.amazonaws.com" } },
    wants: robot("service", "secretsmanager.amazonaws.com"),
  },
  {
    name: "AWS on behalf of a person",
    changes: {
      userIdentity: { type: "IAMUser", userName: "mira", invokedBy: "AWS Internal" },
    },
    wants: robot("service", "AWS Internal"),
  },
  { name: "nobody", changes: { userIdentity: null }, wants: robot("service", "aws") },
];

const RESOURCES: readonly Row[] = [
  {
    name: "the first that is named",
    changes: { resources: [{ ARN: "arn:aws:s3:::b" }, { ARN: "arn:aws:s3:::c" }] },
    wants: { type: "aws.secretsmanager", id: "arn:aws:s3:::b" },
  },
  {
    name: "a parameter that is one",
    changes: { requestParameters: { versionId: "7", secretId: "arn:aws:secretsmanager:x:1:s" } },
    wants: { type: "aws.secretsmanager", id: "arn:aws:secretsmanager:x:1:s" },
  },
  {
    name: "the service where none is named",
    changes: { resources: null, requestParameters: { name: "n" } },
    wants: { type: "service", id: "secretsmanager" },
  },
];

const read = (changes: JsonObject) => questionFromCloudTrail({ ...EVENT, ...changes });

describe("questionFromCloudTrail", () => {
  it.each(SUBJECTS)("takes for the subject $name", ({ changes, wants }) => {
    expect(read(changes)?.question.subject).toEqual(wants);
  });

  it.each(RESOURCES)("takes for the resource $name", ({ changes, wants }) => {
    expect(read(changes)?.question.resource).toEqual(wants);
  });

  it("tells what is known of the circumstances, and of nothing else", () => {
    const { question, timeMs } = read({}) ?? {};
    expect(question?.context).toEqual({
      user_agent: "Boto3/1.26",
      region: "eu-north-1",
      ip: "192.168.10.20",
    });
    expect(timeMs).toBe(Date.UTC(2023, 6, 10, 11, 57, 48));
    const { context } = read({ sourceIPAddress: "AWS Internal" })?.question ?? {};
    expect(context).not.toHaveProperty("ip");
  });

  it.each([
    [true, true],
    [false, false],
    ["true", false],
    [null, false],
  ])("takes readOnly %j for read_only %j", (readOnly, wanted) => {
    expect(read({ readOnly })?.question.action.properties).toEqual({ read_only: wanted });
  });

  it.each([
    ["Success", ["login_succeeded", "user:mira", { ip: "192.168.10.20" }]],
    ["Failure", ["login_failed", "user:mira", { ip: "192.168.10.20" }]],
    ["Maybe", []],
  ])("tells a sign-in at the console that ended in %s", (outcome, wanted) => {
    const login = { eventName: "ConsoleLogin", responseElements: { ConsoleLogin: outcome } };
    const signal = read(login)?.signal;
    expect(signal === undefined ? [] : [signal.type, signal.subject, signal.data]).toEqual(wanted);
  });

  it("tells no sign-in of other events", () => {
    expect(read({ responseElements: { ConsoleLogin: "Failure" } })?.signal).toBeUndefined();
  });

  it.each([
    [null],
    ["text"],
    [[]],
    [{}],
    [{ ...EVENT, eventTime: "yesterday" }],
    [{ ...EVENT, eventName: 7 }],
  ])("makes no question of %j", (line) => {
    expect(questionFromCloudTrail(line)).toBeUndefined();
  });

  it("makes of any line with a name and a time a question within the bounds", () => {
    const line = fc.record({
      eventName: fc.string({ minLength: 1, maxLength: 600 }),
      eventTime: fc.constant(EVENT.eventTime),
      eventSource: fc.oneof(fc.jsonValue(), fc.string({ maxLength: 600 })),
      userIdentity: fc.jsonValue(),
      resources: fc.jsonValue(),
      requestParameters: fc.jsonValue(),
      responseElements: fc.jsonValue(),
    });
    fc.assert(
      fc.property(line, (value) => {
        const { subject, action, resource } = questionFromCloudTrail(value)?.question ?? {};
        const within = (text: string | undefined, most: number): boolean =>
          text !== undefined && text.length >= 1 && text.length <= most;
        expect([
          within(subject?.type, 256) && within(subject?.id, 512),
          within(action?.name, 256),
          within(resource?.type, 256) && within(resource?.id, 512),
        ]).toEqual([true, true, true]);
      }),
    );
  });
});

describe("actionOfEvent", () => {
  it.each([
    ["secretsmanager", "GetSecretValue", "secret.read"],
    ["ec2", "GetPasswordData", "secret.read"],
    ["ssm", "DeleteParameter", "secret.delete"],
    ["ec2", "AuthorizeSecurityGroupIngress", "security_group.change"],
    ["ec2", "TerminateInstances", "system.halt"],
    ["iam", "AttachUserPolicy", "user.grant_role"],
    ["cloudtrail", "StopLogging", "logging.stop"],
    ["cloudtrail", "DeleteTrail", "audit.disable"],
    ["iam", "GetUser", "aws.iam.GetUser"],
    ["other", "GetSecretValue", "aws.other.GetSecretValue"],
  ])("takes %s %s for %s", (service, event, action) => {
    expect(actionOfEvent(service, event)).toBe(action);
  });

  it("names only actions that the catalogue holds", () => {
    const file = join(import.meta.dirname, "../../../policies/sre/data.json");
    const { sre } = z
      .object({ sre: z.object({ actions: z.record(z.string(), z.unknown()) }) })
      .parse(JSON.parse(readFileSync(file, "utf8")));
    expect(MAPPED_ACTIONS.filter((action) => sre.actions[action] === undefined)).toEqual([]);
    expect(MAPPED_ACTIONS.length).toBeGreaterThan(20);
  });
});
