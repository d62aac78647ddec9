import { expect, it } from "vitest";
import { setAsidePath, trailPathOf } from "../../src/audit/trail-names.ts";

const inOrder = [1, 9, 10, 999_999_999_999].flatMap((firstSeq) =>
  [1, 2, 9, 10, 1_000].map((attempt) => setAsidePath("/var/audit.jsonl", firstSeq, attempt)),
);

it("names of files that were set aside are in the order of their records, also where several have the same first record", () => {
  expect(inOrder.toSorted()).toEqual(inOrder);
});

it("each tells which file it was, and that file none", () => {
  expect(new Set(inOrder.map(trailPathOf))).toEqual(new Set(["/var/audit.jsonl"]));
  expect(trailPathOf("/var/audit.jsonl")).toBeUndefined();
});
