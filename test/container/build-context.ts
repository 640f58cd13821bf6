import { readFileSync } from "node:fs";
import path from "node:path";

/** The project, which is what an image is built from. */
export const projectDir = path.resolve(import.meta.dirname, "../..");

/** @returns the text of a file of the project. */
export function projectText(file: string): string {
  return readFileSync(path.join(projectDir, file), "utf8");
}

/**
 * Reads `.dockerignore`: exact paths and `*`, which is all that ours holds.
 *
 * @returns whether a path of the project goes to the builder.
 */
export function readDockerignore(text: string): (file: string) => boolean {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return (file) => {
    let sent = true;
    for (const line of lines) {
      const pattern = line.replace(/^!/, "");
      const fits = pattern === "*" || file === pattern || file.startsWith(`${pattern}/`);
      if (fits) sent = line.startsWith("!");
    }
    return sent;
  };
}
