import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withSection } from "../../bench/ratios/written.ts";

const document = "before\n<!-- bench:one -->\nold\n<!-- /bench:one -->\nbetween\n<!-- bench:two -->\n<!-- /bench:two -->\nafter\n";

describe("sections that the benchmark writes", () => {
  it("are replaced, and all around them stays", () => {
    const once = withSection(document, "one", "new");
    expect(once).toBe(document.replace("old\n", "\n```text\nnew\n```\n\n"));
    expect(withSection(once, "one", "new")).toBe(once);
  });

  it.each([
    ["is not there", "three", document],
    ["is there twice", "one", document + document],
    ["does not end", "one", "<!-- bench:one -->\nold\n"],
  ])("are not written where the section %s", (_why, section, text) => {
    expect(() => withSection(text, section, "new")).toThrow(`the document has no section ${section}`);
  });

  it.each(["ratios", "tails", "memory", "start"])("are there in the documentation: %s", (section) => {
    const text = readFileSync(join(import.meta.dirname, "../../docs/performance.md"), "utf8");
    expect(withSection(text, section, "new")).toContain("```text\nnew\n```");
  });
});
