import type { Command } from "commander";
import { renderUnicodeCompact } from "uqr";
import { CallError } from "../client/stile-client.ts";
import type { CommandContext } from "./context.ts";
import { entityOf } from "./question.ts";

interface EnrollOptions {
  readonly currentCode: string;
  readonly code?: string;
  readonly enrolment?: string;
}

/** `stile enroll`: gives a subject a TOTP factor. `stile verify`: proves a challenge. */
export function addFactorCommands(program: Command, context: CommandContext): void {
  program
    .command("enroll")
    .description("enrol an authenticator app for a subject, such as user:ada")
    .argument("<type:id>", "the subject")
    .option("--current-code <digits>", "code of the authenticator enrolled already", "")
    .option("--enrolment <id>", "finish an enrolment begun before; needs --code")
    .option("--code <digits>", "first code of the new authenticator")
    .action((subject: string, options: EnrollOptions) => enroll(context, subject, options));

  program
    .command("verify")
    .description("prove a challenge by a code and print the grant it earns")
    .argument("<challenge>", "id of the challenge")
    .option("--code <digits>", "code of the authenticator; asked for if left out")
    .action((challengeId: string, options: { readonly code?: string }) =>
      verify(context, challengeId, options.code),
    );
}

async function enroll(
  context: CommandContext,
  name: string,
  options: EnrollOptions,
): Promise<void> {
  const subject = entityOf("the subject", name);
  await context.withClient(async (client) => {
    if (options.enrolment !== undefined) {
      const code = options.code ?? (await context.terminal.ask("Code from the authenticator: "));
      const { factorId } = await client.confirmTotp(options.enrolment, code.trim());
      enrolled(context, name, factorId);
      return;
    }
    const begun = await client.beginTotp(subject, options.currentCode);
    const { terminal } = context;
    if (context.json()) {
      const { enrolmentId, otpauthUri, secret } = begun;
      terminal.out(JSON.stringify({ enrolment_id: enrolmentId, otpauth_uri: otpauthUri, secret }));
      return;
    }
    terminal.out(renderUnicodeCompact(begun.otpauthUri));
    terminal.out(`Scan this with an authenticator app, or type the secret in: ${begun.secret}`);
    terminal.out(begun.otpauthUri);
    if (!terminal.interactive) {
      terminal.out(`then: stile enroll ${name} --enrolment ${begun.enrolmentId} --code <digits>`);
      return;
    }
    const factorId = await confirm(context, (code) => client.confirmTotp(begun.enrolmentId, code));
    enrolled(context, name, factorId);
  });
}

async function confirm(
  context: CommandContext,
  send: (code: string) => Promise<{ readonly factorId: string }>,
): Promise<string> {
  for (;;) {
    const code = await context.terminal.ask("Code it shows now: ");
    try {
      return (await send(code.trim())).factorId;
    } catch (thrown) {
      const again =
        thrown instanceof CallError && ["wrong_code", "invalid_request"].includes(thrown.reason);
      if (!again) throw thrown;
      context.terminal.err(`  ${thrown.message}`);
    }
  }
}

function enrolled(context: CommandContext, name: string, factorId: string): void {
  const { terminal } = context;
  if (context.json()) terminal.out(JSON.stringify({ factor_id: factorId }));
  else terminal.out(`${terminal.style("green", "enrolled")}  ${name} (factor ${factorId})`);
}

async function verify(
  context: CommandContext,
  challengeId: string,
  given: string | undefined,
): Promise<void> {
  const code = given ?? (await context.terminal.ask("Code from your authenticator: ")).trim();
  await context.withClient(async (client) => {
    const { grant, expiresAt, acr, amr } = await client.verify(challengeId, code);
    const expires = new Date(Number(expiresAt?.seconds ?? 0n) * 1000).toISOString();
    const { terminal } = context;
    if (context.json()) {
      terminal.out(JSON.stringify({ grant, expires_at: expires, acr, amr }));
      return;
    }
    terminal.out(grant);
    terminal.err(
      `${terminal.style("green", "proven")}  grant (${acr}, ${amr.join("+")}) until ${expires}; give it with --grant`,
    );
  });
}
