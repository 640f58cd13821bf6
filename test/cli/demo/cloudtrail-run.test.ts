import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CommandContext } from "../../../src/cli/context.ts";
import { decideCloudTrail } from "../../../src/cli/demo/cloudtrail-run.ts";
import { StileError } from "../../../src/core/errors.ts";
import { FakeTerminal } from "../fake-terminal.ts";

const counts = z.object({
  allow: z.number(),
  deny: z.number(),
  deny_unasked: z.number(),
  step_up: z.number(),
});
const summarySchema = z.object({
  lines: z.number(),
  unread: z.number(),
  outcomes: counts,
  by_subject: z.record(z.string(), counts),
  by_action: z.record(z.string(), counts),
  by_reason: z.record(z.string(), z.number()),
  examples: z.array(z.object({ time: z.string(), action: z.string(), outcome: z.string() })),
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stile-cloudtrail-"));
});
afterAll(() => rm(folder, { recursive: true }));

let written = 0;
async function decide(lines: readonly (object | string)[], json: boolean): Promise<FakeTerminal> {
  written += 1;
  const file = join(folder, `${written}.jsonl`);
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  await writeFile(file, `${texts.join("\n")}\n`);
  return decideFile(file, json);
}

async function decideFile(file: string, json: boolean): Promise<FakeTerminal> {
  const terminal = new FakeTerminal();
  const context: CommandContext = {
    terminal,
    env: {},
    json: () => json,
    exit: () => undefined,
    withClient: () => Promise.reject(new Error("the demo has a server of its own")),
  };
  await decideCloudTrail(file, context);
  return terminal;
}

const summary = async (lines: readonly (object | string)[]) =>
  summarySchema.parse(JSON.parse((await decide(lines, true)).outLines.join("")));

/** @param second of a minute in office hours. */
const event = (service: string, name: string, second: number, more: object = {}): object => ({
  eventSource: `${service}.amazonaws.com`,
  eventName: name,
  eventTime: `2023-07-10T10:00:${String(second).padStart(2, "0")}Z`,
  eventID: `event-${second}`,
  sourceIPAddress: "192.0.2.44",
  userIdentity: { type: "IAMUser", userName: "mira" },
  readOnly: true,
  ...more,
});
const failedLogin = (second: number): object =>
  event("signin", "ConsoleLogin", second, { responseElements: { ConsoleLogin: "Failure" } });

describe("decideCloudTrail", () => {
  it("decides each event and counts the lines that are none", async () => {
    const { lines, unread, outcomes, by_action, by_subject } = await summary([
      event("iam", "GetUser", 1),
      "{",
      "7",
      { eventName: "GetUser" },
      event("secretsmanager", "GetSecretValue", 2),
      event("iam", "CreateUser", 3, { readOnly: false }),
    ]);
    expect({ lines, unread }).toEqual({ lines: 6, unread: 3 });
    expect(outcomes).toEqual({ allow: 1, deny: 1, deny_unasked: 0, step_up: 1 });
    expect(by_subject).toEqual({ "user:mira": outcomes });
    expect(by_action["secret.read"]).toMatchObject({ allow: 0, step_up: 1 });
  });

  it("takes failed sign-ins into account from the event after on", async () => {
    const failures = [1, 2, 3, 4, 5, 6].map(failedLogin);
    const before = await summary([...failures.slice(1), event("iam", "GetUser", 9)]);
    expect(before.by_action["aws.iam.GetUser"]).toMatchObject({ allow: 1, step_up: 0 });
    const after = await summary([...failures, event("iam", "GetUser", 9)]);
    expect(after.by_action["aws.iam.GetUser"]).toMatchObject({ allow: 0, step_up: 1 });
    expect(after.by_reason["failed_logins"]).toBeGreaterThan(0);
  });

  it("decides in order of time, at the time of the event", async () => {
    const night = { eventTime: "2023-07-10T02:00:00Z", readOnly: false };
    const day = await summary([event("ec2", "CreateVpc", 1, { readOnly: false })]);
    expect(day.by_reason).not.toHaveProperty("off_hours");
    const both = await summary([
      event("ec2", "CreateVpc", 1, { readOnly: false }),
      event("ec2", "CreateVpc", 2, night),
    ]);
    expect(both.by_reason["off_hours"]).toBe(1);
    expect(both.examples[0]?.time).toBe("2023-07-10T02:00:00.000Z");
  });

  it("tells those apart who could not be asked, for too many challenges were open", async () => {
    const reads = Array.from({ length: 25 }, (_, second) =>
      event("secretsmanager", "GetSecretValue", second, {
        resources: [{ ARN: `arn:aws:secretsmanager:eu-north-1:1:secret:s-${second}` }],
      }),
    );
    const { outcomes } = await summary(reads);
    expect(outcomes).toEqual({ allow: 0, deny: 5, deny_unasked: 5, step_up: 20 });
  });

  it("shows people counts, reasons and examples in 100 columns", async () => {
    const arn = `arn:aws:secretsmanager:eu-north-1:1:secret:${"s".repeat(60)}`;
    const { outLines } = await decide(
      [event("secretsmanager", "GetSecretValue", 1, { resources: [{ ARN: arn }] })],
      false,
    );
    const text = outLines.join("\n");
    expect(text).toContain("1 of 1 lines decided");
    expect(text).toContain("user:mira: secret.read");
    expect(text).toContain("The request names no device");
    const plainLines = outLines.map((line) => line.replaceAll(/<\w+:|>/g, ""));
    expect(plainLines.filter((line) => line.length > 100 && !line.includes(arn))).toEqual([]);
  });

  it.each([
    ["is not there", "none.jsonl", "read the CloudTrail log"],
    ["holds no event", "empty.jsonl", "is a CloudTrail event"],
  ])("refuses a log that %s", async (_, name, message) => {
    await writeFile(join(folder, "empty.jsonl"), "\n{}\n");
    const failure = await decideFile(join(folder, name), true).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(StileError);
    expect(String(failure)).toContain(message);
  });
});
