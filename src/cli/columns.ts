// Rows of cells as a text in columns, for a terminal. What comes from others stands in them as printable ASCII, so that none of it speaks to
// the terminal or looks like another line.

import { asciiText } from "../audit/ascii-json.ts";

/** @param rows each of as many cells; the cells hold nothing that a terminal would not print as it is */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? "").length)));
  const line = (cells: readonly string[]) => cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((cells) => `${line(cells).trimEnd()}\n`).join("");
}

/** Longer ones are cut: the JSON form has all of it. */
const maxCellLength = 64;

export function cell(text: string): string {
  const printable = asciiText(text);
  if (printable === "") return "-";
  return printable.length <= maxCellLength ? printable : `${printable.slice(0, maxCellLength - 1)}~`;
}

/** @param ms since the epoch. Undefined: none, or no instant; whoever writes to the database may put any number there */
export function instant(ms: number | null | undefined): string | undefined {
  return ms === null || ms === undefined || Number.isNaN(new Date(ms).valueOf()) ? undefined : new Date(ms).toISOString();
}

/** What a page of a list ends with. Empty: there is no more, as far as the page tells. */
export function goOn(page: readonly { readonly id: string }[], limit: number): string {
  const last = page.length < limit ? undefined : page.at(-1);
  return last === undefined ? "" : `there may be more: --after ${cell(last.id)}\n`;
}
