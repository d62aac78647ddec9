import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const text = readFileSync(join(root, "SECURITY.md"), "utf8");

const groups = [
  "Tokens",
  "Keys",
  "Claims",
  "Cache",
  "Code exchange",
  "Exchange",
  "Refresh",
  "Transport",
  "Upstream",
  "Callers",
  "Audit and limits",
  "Secrets at rest",
];

interface Row {
  readonly group: string;
  readonly rule: string;
  readonly files: readonly string[];
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

const rows: readonly Row[] = text.split(/^### /m).flatMap((section) => {
  const [group = "", ...lines] = section.split("\n");
  if (!groups.includes(group)) return [];
  return lines
    .filter((line) => line.startsWith("| ") && !/^\| (Rule|---) /.test(line))
    .map((line) => {
      const [, rule = "", enforced = "", tested = ""] = line.split("|").map((cell) => cell.trim());
      const files = [...enforced.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
      const tests = [...tested.matchAll(/`([^`]+)`: “([^”]+)”/g)].map((match) => ({ file: match[1] ?? "", name: match[2] ?? "" }));
      return { group, rule, files, tests };
    });
});

/** What names a test: the title of one, or of a table or a group of them, or the first cell, `name` or `what` of a table's row. */
function titlesIn(file: string): ReadonlySet<string> {
  const source = existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "";
  return new Set([...source.matchAll(/(?:[([]|\b(?:name|what):)\s*"((?:[^"\\\n]|\\.)*)"/g)].map((match) => match[1] ?? ""));
}

describe("SECURITY.md", () => {
  it("has every group of rules, each with rules in it", () => {
    expect([...new Set(rows.map((row) => row.group))]).toEqual(groups);
    expect(rows.length).toBeGreaterThan(100);
  });

  it("says of each rule what enforces it and what tests it", () => {
    expect(rows.filter((row) => row.rule === "" || row.files.length === 0 || row.tests.length === 0)).toEqual([]);
  });

  it("says of no rule twice", () => {
    expect(new Set(rows.map((row) => `${row.group} ${row.rule}`)).size).toBe(rows.length);
  });

  it("names only code that exists", () => {
    expect(rows.flatMap((row) => row.files).filter((file) => !file.startsWith("src/") || !existsSync(join(root, file)))).toEqual([]);
  });

  it("names only tests that exist, by their names", () => {
    const titles = new Map([...new Set(rows.flatMap((row) => row.tests.map(({ file }) => file)))].map((file) => [file, titlesIn(file)]));
    expect(titles.size).toBeGreaterThan(30);
    const missing = rows.flatMap((row) => row.tests.filter(({ file, name }) => titles.get(file)?.has(name) !== true));
    expect(missing).toEqual([]);
  });

  it("links only to what is there", () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
  });
});
