import { expect, it } from "vitest";
import { whenThere } from "../../src/exchange/soon.ts";

const failing = (): never => {
  throw new Error("of the step");
};

it("what is there is gone on with at once, and what has to be waited for later", async () => {
  expect(whenThere(1, (answer) => answer + 1)).toBe(2);
  const later = whenThere(Promise.resolve(1), (answer) => answer + 1);
  expect(later).toBeInstanceOf(Promise);
  expect(await later).toBe(2);
});

it("a step that fails throws where it is gone on with at once, and rejects where somebody waits", async () => {
  expect(() => whenThere(undefined, failing)).toThrow("of the step");
  await expect(whenThere(Promise.resolve(), failing)).rejects.toThrow("of the step");
});

it("after an answer that never comes nothing is gone on with", async () => {
  await expect(whenThere(Promise.reject(new Error("of the answer")), failing)).rejects.toThrow("of the answer");
});
