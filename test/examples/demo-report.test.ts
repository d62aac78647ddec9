import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { describe, expect, it } from "vitest";
import { createReport, expect as require, short, StepFailed } from "../../examples/demo-report.ts";

function reportInto() {
  const stream = new PassThrough({ encoding: "utf8" });
  const times = [10, 12.5];
  const report = createReport(stream as unknown as WriteStream, () => times.shift() ?? 0);
  return { report, written: () => String(stream.read()) };
}

describe("the demo's report", () => {
  it("prints a step with its number, outcome, time and facts", async () => {
    const { report, written } = reportInto();
    await report.step(
      "a step",
      async () => "done",
      (result) => [["result", result]],
    );
    expect(written()).toMatch(/^ 1 {2}ok {6}a step +2\.5 ms\n {10}result {10}done\n\n$/);
    expect(report.count()).toBe(1);
  });

  it.each([
    { what: "its call fails", run: () => Promise.reject(new Error("no answer")), check: () => [], because: "no answer" },
    { what: "its answer is not as it must be", run: async () => 1, check: () => (require(false, "it is one"), []), because: "it is one" },
  ])("fails a step and says why when $what", async ({ run, check, because }) => {
    const { report, written } = reportInto();
    await expect(report.step<unknown>("a step", run, check)).rejects.toThrow(StepFailed);
    expect(written()).toMatch(new RegExp(`^ 1 {2}FAILED {2}a step[^\\n]*\\n {10}because +${because}\\n`));
    expect(report.count()).toBe(0);
  });

  it("never shows a whole token, and takes an empty one for a failure", () => {
    expect(short("a".repeat(40))).toBe(`${"a".repeat(14)}…aaaa (40 characters)`);
    expect(() => short("")).toThrow("an empty token came");
  });
});
