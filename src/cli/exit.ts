import { CommanderError } from "commander";
import { CallError } from "../client/connection.ts";
import { describeError, StileError } from "../core/errors.ts";
import { plain, type Terminal } from "./terminal.ts";

/** Exit codes of every command. */
export const EXIT = { done: 0, failure: 1, usage: 2, deny: 10, stepUp: 11 } as const;

/** A mistake in how a command was called. */
export class UsageError extends Error {}

/**
 * Prints what went wrong, in one line or as JSON, without a stack.
 *
 * @returns the exit code.
 */
export function reportFailure(thrown: unknown, terminal: Terminal, json: boolean): number {
  const isCommanders = thrown instanceof CommanderError;
  if (isCommanders && thrown.exitCode === 0) return EXIT.done;
  const { code, message } = failureOf(thrown);
  // Commander has printed its own errors, unless they are wanted as JSON.
  if (json) terminal.err(JSON.stringify({ error: { code, message } }));
  else if (!isCommanders) {
    // OPA's words on a policy take several lines.
    const lines = message.trim().split("\n").map(plain);
    terminal.err(`${terminal.style("red", "stile:")} ${lines.join("\n")}`);
  }
  return isCommanders || thrown instanceof UsageError ? EXIT.usage : EXIT.failure;
}

function failureOf(thrown: unknown): { readonly code: string; readonly message: string } {
  if (thrown instanceof CallError)
    return { code: thrown.reason || thrown.status, message: callMessage(thrown) };
  if (thrown instanceof StileError) return { code: thrown.code, message: describeError(thrown) };
  if (thrown instanceof CommanderError) return { code: "usage", message: commanderMessage(thrown) };
  if (thrown instanceof UsageError) return { code: "usage", message: thrown.message };
  return { code: "internal", message: describeError(thrown) };
}

function commanderMessage({ code, message }: CommanderError): string {
  return code === "commander.help" ? "give a command; see --help" : message.replace(/^error: /, "");
}

function callMessage(error: CallError): string {
  if (error.status === "UNAVAILABLE" && error.reason === "") {
    const why = /connect \w+ \S+(?=\.)/.exec(error.message)?.[0] ?? error.message;
    return `no Stile server answers (${why}); start one with \`npm start\`, or name it with --server`;
  }
  if (error.status === "DEADLINE_EXCEEDED") return "the server did not answer in time";
  return error.message;
}
