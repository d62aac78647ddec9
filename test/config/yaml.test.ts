import { describe, expect, it } from "vitest";
import { readYaml } from "../../src/config/yaml.ts";

function read(text: string) {
  const mistakes: { line: number; problem: string; fix: string }[] = [];
  const document = readYaml(text, (line, problem, fix) => mistakes.push({ line, problem, fix }));
  return { ...document, mistakes };
}

const laughs = [
  "a0: &a0 [x, x]",
  ...[1, 2, 3, 4, 5, 6, 7].map((n) => `a${n}: &a${n} [*a${n - 1}, *a${n - 1}, *a${n - 1}, *a${n - 1}]`),
].join("\n");

describe("YAML that is refused, by line and without quoting it", () => {
  it.each([
    ["a key twice", "a: 1\nb: CANARY\na: CANARY", 3, "stands twice"],
    ["an unknown tag", "a: 1\nb: !CANARY x", 2, "tag is not supported"],
    ["a binary", "b: !!binary CANARY", 1, "tag is not supported"],
    ["an alias without an anchor", "a: 1\nb: *CANARY", 2, "no anchor"],
    ["many aliases", `a: &a CANARY\nb: [${"*a, ".repeat(40)}]`, 2, "more than 32 aliases"],
    ["aliases that multiply", laughs, 1, "stand for too much"],
    ["two documents", "a: 1\n---\nb: CANARY", 2, "more than one YAML document"],
    ["a tab", "a:\n\tb: CANARY", 2, "tab"],
    ["a reserved character", "a: 1\nb: @CANARY", 2, "reserves"],
    ["an unknown escape", 'a: "CANARY\\q"', 1, "escape"],
    ["a quote that never ends", "a: 1\nb: 'CANARY", 2, "not valid YAML"],
    ["a colon in a plain text", "a: CANARY: CANARY", 1, "not valid YAML"],
    ["a list as a key", "? [CANARY]\n: 1", 1, "not a text"],
    ["bottomless nesting", "[".repeat(100_000), 1, "nesting"],
  ])("%s", (_name, text, line, words) => {
    const { mistakes, value } = read(text);
    expect(mistakes.map((mistake) => mistake.line)).toContain(line);
    expect(mistakes.map((mistake) => mistake.problem).join()).toContain(words);
    expect(JSON.stringify(mistakes)).not.toContain("CANARY");
    expect(mistakes.length).toBeLessThanOrEqual(10);
    expect(value).toBeUndefined();
  });
});

describe("YAML that is read", () => {
  it.each([
    ["no is a text, as is a date", "a: no\nb: 2026-01-02", { a: "no", b: "2026-01-02" }],
    ["a version directive changes nothing", "%YAML 1.1\n---\na: yes\nb: 1:20", { a: "yes", b: "1:20" }],
    ["keys are texts", "1: a\ntrue: b", { 1: "a", true: "b" }],
    ["a few aliases", "a: &a [x]\nb: *a", { a: ["x"], b: ["x"] }],
    ["a merge key is a key like any other", "a: { <<: 1 }", { a: { "<<": 1 } }],
  ])("%s", (_name, text, value) => {
    expect(read(text)).toMatchObject({ value, mistakes: [] });
  });

  it("knows the line of a path, through lists and aliases, and of the nearest place for what is not there", () => {
    const { lineOf } = read("# first\na: &a\n  b:\n    - x\n    - y\nc: *a\n");
    expect([["a"], ["a", "b", 1], ["c", "b", 0], ["a", "z"], ["z"]].map((path) => lineOf(path))).toEqual([2, 5, 4, 2, 2]);
  });
});
