import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import { type Answer, CallError, type Question, type StileClient } from "../client/stile-client.ts";
import { answerJson, answerLines, exitCodeOf } from "./answer-view.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";
import { addQuestionOptions, type QuestionOptions, questionOf } from "./question.ts";

interface ExecOptions extends QuestionOptions {
  readonly code?: string;
}

/** Codes a person may try before the command gives up. */
const TRIES = 3;

/** `stile exec`: runs a command only when the decision allows it. */
export function addExecCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("exec")
    .description("ask for the decision, prove what is asked, and run a command only when allowed")
    .argument("<command...>", "the command to run, after --")
    .option("--code <digits>", "code of the authenticator, where nobody can be asked for it");
  addQuestionOptions(command).action(async (words: readonly string[], options: ExecOptions) => {
    const question = questionOf(options);
    const answer = await context.withClient((client) =>
      settle(client, context, question, options.code),
    );
    if (answer.kind !== "allow") {
      tell(context, answer, question);
      context.exit(exitCodeOf(answer));
      return;
    }
    if (!context.json()) tell(context, answer, question);
    context.exit(await run(words));
  });
}

/** Asks, proves when challenged, asks again. */
async function settle(
  client: StileClient,
  context: CommandContext,
  question: Question,
  code: string | undefined,
): Promise<Answer> {
  const first = await client.decide(question);
  if (first.kind !== "step_up") return first;
  if (code === undefined && !context.terminal.interactive) return first;
  if (code === undefined) tell(context, first, question);
  const grant = await prove(client, context, first.challenge.id, code);
  return client.decide({ ...question, grants: [...(question.grants ?? []), grant] });
}

async function prove(
  client: StileClient,
  context: CommandContext,
  challengeId: string,
  given: string | undefined,
): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const code = given ?? (await context.terminal.ask("Code from your authenticator: ")).trim();
    try {
      return (await client.verify(challengeId, code)).grant;
    } catch (thrown) {
      const again = thrown instanceof CallError && RETRIED.has(thrown.reason);
      if (!again || given !== undefined || tries === TRIES) throw thrown;
      context.terminal.err(`  ${thrown.message}`);
    }
  }
}

const RETRIED = new Set(["wrong_code", "code_spent", "invalid_request"]);

function tell(context: CommandContext, answer: Answer, question: Question): void {
  if (context.json()) {
    context.terminal.err(answerJson(answer));
    return;
  }
  for (const line of answerLines(answer, question, context.terminal)) context.terminal.err(line);
  if (answer.kind === "step_up" && !context.terminal.interactive) {
    context.terminal.err("  nobody is here to be asked; run it in a terminal, or give --code");
  }
}

/** @returns the command's exit code; 128 and its number when a signal ended it. */
function run(words: readonly string[]): Promise<number> {
  const [file, ...args] = words;
  if (file === undefined) throw new UsageError("give the command to run after --");
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: "inherit" });
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, forward);
    child.once("error", (cause) => {
      reject(new UsageError(`cannot run ${file}: ${cause.message}`));
    });
    child.once("exit", (code, signal) => {
      for (const one of signals) process.removeListener(one, forward);
      resolve(signal === null ? (code ?? EXIT.failure) : 128 + constants.signals[signal]);
    });
  });
}
