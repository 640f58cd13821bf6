import { expect, it } from "vitest";
import { runProgram } from "../real/run-program.ts";
import { buildStile, STILE } from "./built-stile.ts";

it("says nothing of a reader who has seen enough", async () => {
  await buildStile();
  const { stderr } = await runProgram("bash", [
    "-c",
    `"${process.execPath}" "${STILE}" --help | true`,
  ]);
  expect(stderr).toBe("");
});
