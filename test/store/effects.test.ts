import { describe, expect, test } from "vitest";
import { createEffects } from "../../src/store/effects.ts";

type Step = readonly [sql: string, answer: "done" | "refused" | "unknown"];

const insert = "insert into t values (1)";

function after(steps: readonly Step[]): string {
  const effects = createEffects();
  for (const [sql, answer] of steps) {
    const sent = effects.sending(sql);
    if (answer === "done") sent.done();
    else sent.failed({ code: "X", outcome: answer });
  }
  return effects.outcome();
}

describe("nothing was done", () => {
  test.each<[string, readonly Step[]]>([
    ["before anything was sent", []],
    ["by reading", [["select 1", "done"]]],
    ["by a setting of the connection", [["set statement_timeout = 1", "done"]]],
    ["by reading without an answer", [["select 1", "unknown"]]],
    ["by a statement that was refused", [[insert, "refused"]]],
    [
      "by a transaction that was not committed",
      [
        ["begin", "done"],
        [insert, "done"],
        [insert, "unknown"],
      ],
    ],
    [
      "by a transaction that was rolled back",
      [
        ["begin", "done"],
        [insert, "done"],
        ["rollback", "done"],
      ],
    ],
    [
      "by a commit that was refused",
      [
        ["begin", "done"],
        [insert, "done"],
        ["commit", "refused"],
      ],
    ],
  ])("%s", (_, steps) => {
    expect(after(steps)).toBe("refused");
  });
});

describe("it may have been done", () => {
  test.each<[string, readonly Step[]]>([
    ["by a statement without an answer", [[insert, "unknown"]]],
    [
      "by a statement before the one that was refused",
      [
        [insert, "done"],
        [insert, "refused"],
      ],
    ],
    [
      "by a commit without an answer",
      [
        ["begin", "done"],
        [insert, "done"],
        ["commit", "unknown"],
      ],
    ],
    [
      "by a statement after a transaction",
      [
        ["begin", "done"],
        ["rollback", "done"],
        [insert, "unknown"],
      ],
    ],
    ["by a statement that reads and writes", [["with a as (delete from t returning *) select * from a", "unknown"]]],
  ])("%s", (_, steps) => {
    expect(after(steps)).toBe("unknown");
  });
});
