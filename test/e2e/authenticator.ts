import { generateSync } from "otplib";
import type { StileClient } from "../../src/client/stile-client.ts";

/** An authenticator app: shows the codes of one secret. */
export class Authenticator {
  readonly #secret: string;

  /** @param secret base32, as the enrolment gave it. */
  constructor(secret: string) {
    this.#secret = secret;
  }

  /** @returns the six digits of an instant. */
  code(atMs: number): string {
    return generateSync({ secret: this.#secret, epoch: Math.floor(atMs / 1000) });
  }

  /** @returns six digits that no step near the instant shows. */
  wrongCode(atMs: number): string {
    const near = new Set(
      [-90_000, -60_000, -30_000, 0, 30_000, 60_000, 90_000].map((ms) => this.code(atMs + ms)),
    );
    for (let number = 0; ; number += 1) {
      const code = String(number).padStart(6, "0");
      if (!near.has(code)) return code;
    }
  }
}

/** Enrols an authenticator for a subject, confirmed by the code of this instant. */
export async function enrol(
  client: StileClient,
  subject: { readonly type: string; readonly id: string },
  atMs: number,
): Promise<Authenticator> {
  const { enrolmentId, secret } = await client.beginTotp(subject);
  const authenticator = new Authenticator(secret);
  await client.confirmTotp(enrolmentId, authenticator.code(atMs));
  return authenticator;
}
