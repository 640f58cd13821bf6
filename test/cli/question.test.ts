import { hostname, userInfo } from "node:os";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/cli/exit.ts";
import { addQuestionOptions, type QuestionOptions, questionOf } from "../../src/cli/question.ts";
import type { Question } from "../../src/client/stile-client.ts";

/** The question that a command line asks. */
function questionFrom(...words: readonly string[]): Question {
  const command = addQuestionOptions(new Command("decide").exitOverride());
  command.parse(["--action", "a", "--resource", "service:payments", ...words], { from: "user" });
  return questionOf(command.opts<QuestionOptions>());
}

describe("the question of a command line", () => {
  it("is asked for whoever is logged in, from this host, where nothing else is said", () => {
    expect(questionFrom()).toEqual({
      subject: { type: "user", id: userInfo().username },
      action: { name: "a" },
      resource: { type: "service", id: "payments" },
      context: { device_id: hostname() },
      policy: "",
      grants: [],
    });
  });

  it("takes what is known of each part", () => {
    const question = questionFrom(
      "--subject=user:ada",
      '--subject-properties={"roles":["viewer"]}',
      '--action-properties={"n":1}',
      '--resource-properties={"environment":"test"}',
      "--policy=p",
      "--grant=g1",
      "--grant=g2",
    );
    expect(question).toMatchObject({
      subject: { type: "user", id: "ada", properties: { roles: ["viewer"] } },
      action: { name: "a", properties: { n: 1 } },
      resource: { properties: { environment: "test" } },
      policy: "p",
      grants: ["g1", "g2"],
    });
  });

  it.each([
    [
      "a context by pairs",
      ["--context", "country=DE", "--context", "note=a=b"],
      { device_id: hostname(), country: "DE", note: "a=b" },
    ],
    ["an empty value", ["--context", "note="], { device_id: hostname(), note: "" }],
    ["a context as JSON", ["--context-json", '{"device_id":"d","n":1}'], { device_id: "d", n: 1 }],
    [
      "pairs over JSON",
      ["--context-json", '{"a":1,"b":2}', "--context", "b=3"],
      { device_id: hostname(), a: 1, b: "3" },
    ],
    ["another device", ["--device", "laptop-1"], { device_id: "laptop-1" }],
    ["no device", ["--no-device"], {}],
  ])("takes %s", (_, words, context) => {
    expect(questionFrom(...words).context).toEqual(context);
  });

  it("takes ids that hold colons", () => {
    const { subject } = questionFrom("--subject", "workload:spiffe://a/b");
    expect(subject).toEqual({ type: "workload", id: "spiffe://a/b" });
  });

  it.each([
    [["--subject", ":ada"], '--subject is ":ada", expected type:id, such as user:ada'],
    [["--subject", "user:"], '--subject is "user:", expected type:id, such as user:ada'],
    [["--context", "=x"], '--context is "=x", expected key=value'],
    [["--context-json", "null"], "--context-json is null, expected a JSON object"],
    [["--resource-properties", "{"], "--resource-properties is {, expected a JSON object"],
  ])("refuses %j, saying what is expected", (words, message) => {
    expect(() => questionFrom(...words)).toThrow(new UsageError(message));
  });
});
