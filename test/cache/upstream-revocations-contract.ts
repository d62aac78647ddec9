// What every queue of tellings must do, whatever keeps it. Each implementation's test runs this suite on its own.

import { expect, test } from "vitest";
import {
  type TakenTelling,
  type Telling,
  tellingLeaseMs,
  tellingLifetimeMs,
  type TellingQueue,
} from "../../src/exchange/revocation-ports.ts";
import { Secret } from "../../src/exchange/secret.ts";
import type { FrozenClock } from "./fixtures.ts";

export interface TellingQueueSubject {
  /** Two replicas with one queue; where the process is all there is, the same queue twice. */
  queues(): readonly [TellingQueue, TellingQueue];
  readonly clock: () => FrozenClock;
}

export function telling(text = "token-1", given: Partial<Telling> = {}): Telling {
  return { provider: "main", hint: "refresh_token", ...given, token: new Secret(text) };
}

export const tokensOf = (taken: readonly TakenTelling[]): readonly string[] => taken.map(({ about }) => about.token.reveal());

/** @throws where it waits there already */
async function added(queue: TellingQueue, about = telling()): Promise<TakenTelling> {
  const taken = await queue.add(about);
  if (taken === undefined) throw new Error("it waits already");
  return taken;
}

export function tellingQueueContract(subject: TellingQueueSubject): void {
  const now = (): number => subject.clock()();

  test("what is added is taken by whoever added it, and by nobody else until its lease is over", async () => {
    const [queue, other] = subject.queues();
    const taken = await added(queue);
    expect({ ...taken.about, attempts: taken.attempts }).toEqual({ ...telling(), attempts: 1 });
    expect(await other.takeDue(10)).toEqual([]);
    subject.clock().advance(tellingLeaseMs);
    const [again] = await other.takeDue(10);
    expect(again?.about).toEqual(telling());
    expect(again?.about.token.reveal()).toBe("token-1");
    expect(again?.attempts).toBe(2);
  });

  test("what was put off comes back when its time has come, the longest overdue first, and no more at a time than asked for", async () => {
    const [queue, other] = subject.queues();
    for (const [text, waitMs] of [
      ["late", 3_000],
      ["soon", 1_000],
      ["next", 2_000],
    ] as const) {
      await (await queue.add(telling(text)))?.later(now() + waitMs);
    }
    expect(await other.takeDue(10)).toEqual([]);
    subject.clock().advance(1_000);
    expect(tokensOf(await other.takeDue(10))).toEqual(["soon"]);
    subject.clock().advance(2_000);
    expect(tokensOf(await other.takeDue(1))).toEqual(["next"]);
    expect(tokensOf(await other.takeDue(10))).toEqual(["late"]);
  });

  test("what is done never comes back", async () => {
    const [queue, other] = subject.queues();
    await (await queue.add(telling()))?.done();
    subject.clock().advance(tellingLeaseMs);
    expect(await other.takeDue(10)).toEqual([]);
    expect(await other.dropExpired()).toBe(0);
  });

  test("two replicas that look at the same moment share what waits and take nothing twice", async () => {
    const [queue, other] = subject.queues();
    const texts = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    for (const text of texts) await (await queue.add(telling(text)))?.later(now());
    const taken = (await Promise.all([queue.takeDue(20), other.takeDue(20), queue.takeDue(20)])).flat();
    expect(tokensOf(taken).toSorted()).toEqual(texts.toSorted());
  });

  test("whoever has outlasted its lease does not put off what another one has taken", async () => {
    const [queue, other] = subject.queues();
    const slow = await added(queue);
    subject.clock().advance(tellingLeaseMs);
    expect((await other.takeDue(10)).length).toBe(1);
    await slow.later(now());
    expect(await queue.takeDue(10)).toEqual([]);
  });

  test("what a provider could not be told for a day is dropped, and counted", async () => {
    const [queue, other] = subject.queues();
    await (await queue.add(telling("old")))?.later(now());
    subject.clock().advance(tellingLifetimeMs - 1);
    expect(await other.dropExpired()).toBe(0);
    await (await queue.add(telling("young")))?.later(now());
    subject.clock().advance(1);
    expect(await other.dropExpired()).toBe(1);
    expect(tokensOf(await other.takeDue(10))).toEqual(["young"]);
  });

  test("an attacker who revokes one token again and again has one place in the queue", async () => {
    const [queue, other] = subject.queues();
    const taken = await Promise.all([queue.add(telling()), other.add(telling()), queue.add(telling()), other.add(telling())]);
    expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    expect(await queue.add(telling())).toBeUndefined();
    expect(await queue.add(telling("token-1", { provider: "other" }))).toBeDefined();
    subject.clock().advance(tellingLeaseMs);
    const due = await other.takeDue(10);
    expect(tokensOf(due)).toEqual(["token-1", "token-1"]);
    await Promise.all(due.map((one) => one.done()));
    expect(await queue.add(telling())).toBeDefined();
  });

  test("kinds of token are not mixed up", async () => {
    const [queue, other] = subject.queues();
    for (const about of [telling("a", { hint: "access_token" }), telling("b", { provider: "other" })])
      await (await queue.add(about))?.later(now());
    const taken = (await other.takeDue(10)).map(({ about }) => about);
    expect(taken.toSorted((one, two) => (one.provider < two.provider ? -1 : 1))).toEqual([
      telling("a", { hint: "access_token" }),
      telling("b", { provider: "other" }),
    ]);
  });
}
