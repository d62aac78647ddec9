import { expect, test } from "vitest";
import { createPace } from "../../src/vault/pace.ts";
import { createVirtualTime } from "./virtual-time.ts";

const never = new AbortController().signal;

/** Two of them a second. */
const apartMs = 525;

test("turns come evenly, however many ask at once, and nobody makes up for one that came late", async () => {
  const time = createVirtualTime();
  const began = time.clock();
  const pace = createPace(time);
  const at: number[] = [];
  const turn = async () => {
    await pace(2, never);
    at.push(time.clock() - began);
  };
  const turns = [turn(), turn(), turn()];
  await time.run(() => at.length === 3);
  time.clock.advance(10_000);
  turns.push(turn(), turn());
  await time.run(() => at.length === 5);
  await Promise.all(turns);
  expect(at).toEqual([0, apartMs, 2 * apartMs, 2 * apartMs + 10_000, 3 * apartMs + 10_000]);
});

test("a clock that is set back by an hour makes nobody wait for an hour", async () => {
  const time = createVirtualTime();
  const pace = createPace(time);
  await pace(2, never);
  time.clock.advance(-3_600_000);
  const began = time.clock();
  let come = false;
  void pace(2, never).then(() => (come = true));
  await time.run(() => come);
  expect(time.clock() - began).toBe(apartMs);
});

test("whoever gives up is not waited for", async () => {
  const time = createVirtualTime();
  const pace = createPace(time);
  await pace(2, never);
  const leaving = new AbortController();
  const gone = pace(2, leaving.signal);
  const next = pace(2, never);
  leaving.abort();
  await expect(gone).rejects.toThrow("aborted");
  let come = false;
  void next.then(() => (come = true));
  await time.run(() => come);
  expect(come).toBe(true);
});
