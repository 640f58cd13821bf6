import { plain } from "./terminal.ts";

/** A cell; numbers stand to the right. */
export type Cell = string | number;

/** @returns the rows as lines with aligned columns, the head first. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): readonly string[] {
  const texts = rows.map((row) => row.map((cell) => plain(String(cell))));
  const widths = head.map((name, column) =>
    Math.max(name.length, ...texts.map((row) => row[column]?.length ?? 0)),
  );
  const isRight = head.map((_, column) => rows.every((row) => typeof row[column] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0;
        return isRight[column] === true && rows.length > 0
          ? text.padStart(width)
          : text.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(head), ...texts.map(line)];
}

/**
 * @returns the rows as CSV (RFC 4180), without the last line end. A text that a spreadsheet would
 *   take for a formula gets an apostrophe in front.
 */
export function csvLines(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): readonly string[] {
  return [head, ...rows].map((row) => row.map(csvCell).join(","));
}

function csvCell(cell: Cell): string {
  if (typeof cell === "number") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
