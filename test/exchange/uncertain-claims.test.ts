import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { createUncertainClaims } from "../../src/exchange/uncertain-claims.ts";

test("an attempt that finds the claim is the last one", async () => {
  const waits: number[] = [];
  let attempts = 0;
  createUncertainClaims(async (ms) => void waits.push(ms)).undo(async () => {
    attempts += 1;
    if (attempts === 1) throw new Error("away");
    return attempts === 3;
  });
  await setImmediate();
  expect(attempts).toBe(3);
  expect(waits).toEqual([250, 500, 1_000]);
});

test("a claim that is never found is looked for seven times", async () => {
  let attempts = 0;
  createUncertainClaims(async () => undefined).undo(async () => {
    attempts += 1;
    return false;
  });
  await setImmediate();
  expect(attempts).toBe(7);
});

test("when the store is closed there are no more attempts, and nothing is thrown", async () => {
  let attempts = 0;
  createUncertainClaims(() => Promise.reject(new Error("closed"))).undo(async () => {
    attempts += 1;
    return false;
  });
  await setImmediate();
  expect(attempts).toBe(0);
});

test("of a flood of uncertain claims a thousand are undone and the rest left to expire; afterwards there is room again", async () => {
  const held = Promise.withResolvers<void>();
  const claims = createUncertainClaims(() => held.promise);
  let attempts = 0;
  const release = async () => {
    attempts += 1;
    return true;
  };
  for (let index = 0; index < 1_500; index += 1) claims.undo(release);
  held.resolve();
  await setImmediate();
  expect(attempts).toBe(1_000);
  claims.undo(release);
  await setImmediate();
  expect(attempts).toBe(1_001);
});
