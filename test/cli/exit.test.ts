import { Metadata, status } from "@grpc/grpc-js";
import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { EXIT, reportFailure, UsageError } from "../../src/cli/exit.ts";
import { CallError } from "../../src/client/connection.ts";
import { StileError } from "../../src/core/errors.ts";
import { FakeTerminal } from "./fake-terminal.ts";

function callError(code: status, details: string): CallError {
  const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
  return new CallError(error);
}

const cause = new Error("ENOSPC: no space left on device");
const ROWS: readonly (readonly [string, unknown, number, string, RegExp])[] = [
  [
    "a mistake of the caller",
    new UsageError("--last is no number"),
    EXIT.usage,
    "usage",
    /^--last is no number$/,
  ],
  [
    "an error of ours with its causes",
    new StileError("audit_unavailable", "write the journal", { cause }),
    EXIT.failure,
    "audit_unavailable",
    /^write the journal: ENOSPC: no space left on device$/,
  ],
  [
    "a server that is away",
    callError(
      status.UNAVAILABLE,
      "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ",
    ),
    EXIT.failure,
    "UNAVAILABLE",
    /^no Stile server answers \(connect ECONNREFUSED 127\.0\.0\.1:1\); start one/,
  ],
  [
    "a server that is slow",
    callError(status.DEADLINE_EXCEEDED, "Deadline exceeded after 5s"),
    EXIT.failure,
    "DEADLINE_EXCEEDED",
    /^the server did not answer in time$/,
  ],
  [
    "what should not happen",
    new TypeError("x is undefined"),
    EXIT.failure,
    "internal",
    /^x is undefined$/,
  ],
  ["a string that was thrown", "odd", EXIT.failure, "internal", /^odd$/],
];

describe("reportFailure", () => {
  it.each(ROWS)("tells %s in one line and as JSON", (_, thrown, exitCode, code, message) => {
    const person = new FakeTerminal();
    expect(reportFailure(thrown, person, false)).toBe(exitCode);
    expect(person.errLines.length).toBe(1);
    expect(person.errLines[0]?.replace("<red:stile:> ", "")).toMatch(message);
    const program = new FakeTerminal();
    expect(reportFailure(thrown, program, true)).toBe(exitCode);
    const said: unknown = JSON.parse(program.errLines.join("\n"));
    expect(said).toMatchObject({ error: { code } });
    expect([...person.outLines, ...program.outLines]).toEqual([]);
  });

  it("says nothing of help that was asked for", () => {
    const terminal = new FakeTerminal();
    const help = new CommanderError(0, "commander.helpDisplayed", "(outputHelp)");
    expect(reportFailure(help, terminal, true)).toBe(EXIT.done);
    expect(terminal.errLines).toEqual([]);
  });

  it("tells a program what the command line lacked, and leaves a person to commander", () => {
    const missing = new CommanderError(
      1,
      "commander.missingArgument",
      "error: missing required argument 'x'",
    );
    const program = new FakeTerminal();
    expect(reportFailure(missing, program, true)).toBe(EXIT.usage);
    expect(program.errLines).toEqual([
      '{"error":{"code":"usage","message":"missing required argument \'x\'"}}',
    ]);
    const person = new FakeTerminal();
    expect(reportFailure(missing, person, false)).toBe(EXIT.usage);
    expect(person.errLines).toEqual([]);
  });

  it("keeps the lines of a message apart, and what would draw on the terminal out", () => {
    const terminal = new FakeTerminal();
    reportFailure(
      new StileError("bundle_invalid", "a.rego:1: \u001b[31mbad\n\tx\n"),
      terminal,
      false,
    );
    expect(terminal.errLines).toEqual(["<red:stile:> a.rego:1: bad\n�x"]);
  });
});
