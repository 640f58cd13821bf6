import { readFileSync, writeFileSync } from "node:fs";

const BEGIN = /<!-- figures: .*-->\n/;
const END = "<!-- end of figures -->";

/**
 * Puts the output of a run between the two marks of a page.
 *
 * @throws TypeError when the page has not both marks, in order.
 */
export function writePage(path: string, output: string): void {
  const page = readFileSync(path, "utf8");
  const begin = BEGIN.exec(page);
  const end = page.indexOf(END);
  if (begin === null || end < begin.index) throw new TypeError(`${path} has no place for figures`);
  const before = page.slice(0, begin.index + begin[0].length);
  const day = new Date().toISOString().slice(0, 10);
  writeFileSync(
    path,
    `${before}\n${day}\n\n\`\`\`text\n${output.trim()}\n\`\`\`\n\n${page.slice(end)}`,
  );
}
