import { describe, expect, it } from "vitest";
import { questionFromCloudTrail } from "../../../src/cli/demo/cloudtrail-mapping.ts";
import type { JsonObject } from "../../../src/core/json.ts";

const EVENT = {
  eventName: "GetSecretValue",
  eventSource: "secretsmanager.amazonaws.com",
  eventTime: "2023-07-10T11:57:48Z",
  awsRegion: "eu-north-1",
  sourceIPAddress: "192.168.10.20",
  userAgent: "Boto3/1.26",
  userIdentity: { type: "IAMUser", userName: "mira" },
  recipientAccountId: "111122223333",
  readOnly: true,
};
const PERSON = { type: "user", id: "mira", properties: { roles: ["senior_engineer"] } };
const robot = (id: string): object => ({
  type: "service",
  id,
  properties: { roles: ["ci_robot"] },
});

const ROWS: readonly (readonly [string, JsonObject, object])[] = [
  ["a person who reads a secret", {}, { subject: PERSON, action: { name: "secret.read" } }],
  [
    "an event without counterpart",
    { eventName: "GetUser", eventSource: "iam.amazonaws.com" },
    { action: { name: "aws.iam.GetUser", properties: { read_only: true } } },
  ],
  [
    "an assumed role",
    { userIdentity: { type: "AssumedRole", arn: "arn:aws:sts::1:assumed-role/r/s" } },
    { subject: robot("arn:aws:sts::1:assumed-role/r/s") },
  ],
  [
    "a service of AWS",
    { userIdentity: { type: "AWSService", invokedBy: "ec2.amazonaws.com" } },
    { subject: robot("ec2.amazonaws.com") },
  ],
  ["nobody", { userIdentity: null }, { subject: robot("aws") }],
  ["the root account", { userIdentity: { type: "Root" } }, { subject: { id: "root" } }],
  [
    "a named resource",
    { resources: [{ ARN: "arn:aws:s3:::b" }] },
    { resource: { type: "aws_secretsmanager", id: "arn:aws:s3:::b" } },
  ],
  ["no resource", {}, { resource: { id: "111122223333" } }],
];

describe("questionFromCloudTrail", () => {
  it.each(ROWS)("reads %s", (_, changes, wanted) => {
    expect(questionFromCloudTrail({ ...EVENT, ...changes })?.question).toMatchObject(wanted);
  });

  it("leaves out an address that is a service's name", () => {
    const read = (sourceIPAddress: string) =>
      questionFromCloudTrail({ ...EVENT, sourceIPAddress })?.question.context?.["ip"];
    expect([read("10.0.0.1"), read("2001:db8::1"), read("AWS Internal")]).toEqual([
      "10.0.0.1",
      "2001:db8::1",
      undefined,
    ]);
  });

  it.each([
    [null],
    ["text"],
    [{}],
    [{ ...EVENT, eventTime: "yesterday" }],
    [{ ...EVENT, eventName: 7 }],
  ])("makes no question of %j", (line) => {
    expect(questionFromCloudTrail(line)).toBeUndefined();
  });
});
