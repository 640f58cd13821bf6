import type { Command } from "commander";
import { answerJson, answerLines, exitCodeOf } from "./answer-view.ts";
import type { CommandContext } from "./context.ts";
import { addQuestionOptions, type QuestionOptions, questionOf } from "./question.ts";

/** `stile decide`: asks one question and prints the answer. */
export function addDecideCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("decide")
    .description(
      "ask whether a subject may do an action on a resource; exits 0 allow, 10 deny, 11 step-up",
    );
  addQuestionOptions(command).action(async (options: QuestionOptions) => {
    const question = questionOf(options);
    const answer = await context.withClient((client) => client.decide(question));
    const { terminal } = context;
    if (context.json()) terminal.out(answerJson(answer));
    else for (const line of answerLines(answer, question, terminal)) terminal.out(line);
    if (answer.kind === "step_up" && !context.json()) {
      terminal.out(`  next: stile verify ${answer.challenge.id}`);
    }
    context.exit(exitCodeOf(answer));
  });
}
