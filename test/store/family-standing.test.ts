import { describe, expect, it } from "vitest";
import type { FamilyRow } from "../../src/store/family-rows.ts";
import { standingOf } from "../../src/store/family-standing.ts";

const now = 1_800_000_000_000;
const row: FamilyRow = {
  id: "family",
  client_id: "web",
  provider: "main",
  generation: 5,
  sealed_grant: Buffer.alloc(1),
  sealed_answer: Buffer.alloc(1),
  created_at: now,
  rotated_at: now,
  used_at: null,
  tokens: "[]",
  ended_at: null,
  ended_reason: null,
  expires_at: now + 1_000_000,
};

describe("a genuine handle stands", () => {
  it.each([
    ["the current one", 5, {}, 0, "current"],
    ["the current one that was used", 5, { used_at: now }, 0, "current"],
    ["its predecessor", 4, {}, 0, "replaced"],
    ["its predecessor at the end of the grace", 4, {}, 599_999, "replaced"],
    ["its predecessor past the grace", 4, {}, 600_000, "reused"],
    ["its predecessor, the current one used", 4, { used_at: now }, 0, "reused"],
    ["an older one", 3, {}, 0, "reused"],
    ["the first", 0, {}, 0, "reused"],
    ["one that the row has yet to come to", 6, {}, 0, "ahead"],
    ["the current one of an ended family", 5, { ended_at: now }, 0, "gone"],
    ["an older one of an ended family", 3, { ended_at: now }, 0, "gone"],
    ["the current one just before its time is over", 5, {}, 999_999, "current"],
    ["the current one when its time is over", 5, {}, 1_000_000, "gone"],
    ["an older one when its time is over", 3, {}, 1_000_000, "gone"],
  ] as const)("%s", (_name, generation, given, laterMs, standing) => {
    expect(standingOf({ ...row, ...given }, generation, now + laterMs)).toBe(standing);
  });

  it("nowhere without a row", () => {
    expect(standingOf(undefined, 0, now)).toBe("gone");
  });
});
