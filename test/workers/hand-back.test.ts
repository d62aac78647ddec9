import { expect, it } from "vitest";
import { startChild } from "../support/child.ts";

it("connections above what all workers may have are closed, and do not go round between them for ever", async () => {
  const child = startChild(["test/workers/full-worker.ts"]);
  expect({ status: await child.ended, output: child.output(), errors: child.errors() }).toEqual({
    status: 0,
    output: "closed 4\n",
    errors: "",
  });
});
