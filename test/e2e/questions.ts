import type { Question } from "../../src/client/stile-client.ts";
import { CallError } from "../../src/client/stile-client.ts";

const ada = { type: "user", id: "ada" };
const payments = { type: "service", id: "payments" };

/** Allowed by the shipped pack whatever else is known: reading a dashboard is harmless. */
export const ALLOWED: Question = {
  subject: ada,
  action: { name: "dashboard.read" },
  resource: payments,
};

/** Asks for a proof where no feature is known: a sensitive action. */
export const ASKED: Question = {
  subject: ada,
  action: { name: "deploy.production" },
  resource: payments,
  context: { device_id: "laptop-1", country: "NL" },
};

/** Refused, since the subject holds no role. */
export const DENIED: Question = {
  subject: { type: "user", id: "nobody" },
  action: { name: "deploy.production" },
  resource: payments,
};

/** What a caller is told of a call that failed. */
export interface Failure {
  readonly status: string;
  readonly reason: string;
  readonly fields: readonly string[];
  readonly message: string;
}

/** @returns how the call failed. @throws Error when it did not, or not by its status. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (thrown) {
    return failureFrom(thrown);
  }
  throw new Error("the call did not fail");
}

export function failureFrom(thrown: unknown): Failure {
  if (!(thrown instanceof CallError)) throw thrown;
  const { status, reason, violations, message } = thrown;
  return { status, reason, fields: violations.map(({ field }) => field), message };
}
