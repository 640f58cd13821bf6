import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

/** The standard's own cases lie beside the project; they may not be copied into it. */
const FOLDER = path.resolve(import.meta.dirname, "../../../shared/vectors/authzen");

export const haveVectors = existsSync(FOLDER);

const scenarioSchema = z.object({
  fixture: z.json(),
  cases: z.array(
    z.object({
      id: z.string(),
      section: z.string(),
      path: z.string(),
      request: z.json(),
      expect_status: z.int(),
      expect_body: z.json(),
    }),
  ),
});
export type CertificationCase = z.output<typeof scenarioSchema>["cases"][number];

/** @returns the certification scenario. */
export function certification() {
  return scenarioSchema.parse(read("certification/scenario-1_0.json"));
}

const todoSchema = z.object({
  evaluation: z.array(z.object({ request: z.json(), expected: z.boolean() })),
  evaluations: z
    .array(z.object({ request: z.json(), expected: z.array(z.object({ decision: z.boolean() })) }))
    .default([]),
});

/** The drafts of the Todo cases whose requests have the shape of the final standard. */
export function todo() {
  const files = ["01", "02"].map((draft) =>
    todoSchema.parse(read(`todo/decisions-authorization-api-1_0-${draft}.json`)),
  );
  const { subjects } = z
    .object({ subjects: z.json() })
    .parse(read("todo/subjects-and-policy.json"));
  return {
    users: subjects,
    evaluation: files.flatMap(({ evaluation }) => evaluation),
    evaluations: files.flatMap(({ evaluations }) => evaluations),
  };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(path.join(FOLDER, name), "utf8"));
}
