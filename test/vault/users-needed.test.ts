import { beforeEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import type { UntoldConnection } from "../../src/store/due-connections.ts";
import { createUsersNeeded } from "../../src/vault/users-needed.ts";
import { type FrozenClock, frozenClock } from "../cache/fixtures.ts";
import { connectionRow, insertConnections } from "../store/connection-fixtures.ts";
import { onEachDatabase } from "../store/database-rig.ts";

const minuteMs = 60_000;
const never = new AbortController().signal;

onEachDatabase((_, open) => {
  let clock: FrozenClock;
  let database: Database;
  let heard: boolean;
  let told: string[];
  let outcomes: string[];

  beforeEach(async () => {
    clock = frozenClock();
    database = await open();
    heard = true;
    [told, outcomes] = [[], []];
  });

  const ended = (id: string) =>
    insertConnections(database, [connectionRow({ id, ended_at: clock(), ended_reason: "rejected", tell_at: clock() })]);
  const replica = (over: Database = database) =>
    createUsersNeeded({
      database: over,
      clock,
      async tell({ id }: UntoldConnection) {
        told.push(id);
        return heard;
      },
      onOutcome: (outcome, { id }) => void outcomes.push(`${outcome} ${id}`),
    });

  test("each is told once where it is heard, whichever replica does it", async () => {
    await ended("a");
    await ended("b");
    await Promise.all([replica()(never), replica(await open())(never)]);
    expect(told.toSorted()).toEqual(["a", "b"]);
    clock.advance(48 * 60 * minuteMs);
    await replica()(never);
    expect(told).toHaveLength(2);
  });

  test("what was not heard is told again, first after a minute, then ever later, an hour at most, and after a day no more", async () => {
    await ended("a");
    heard = false;
    const began = clock();
    const at: number[] = [];
    for (let minute = 0; minute <= 26 * 60; minute += 1) {
      const before = told.length;
      await replica()(never);
      if (told.length > before) at.push((clock() - began) / minuteMs);
      clock.advance(minuteMs);
    }
    expect(at.slice(0, 9)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 124]);
    expect(at.at(-1)).toBeLessThan(24 * 60);
    expect(outcomes.filter((outcome) => outcome === "given_up a")).toHaveLength(1);
    expect(outcomes.at(-1)).toBe("given_up a");
  });

  test("a process that dies while it tells leaves it to the next one, a minute later", async () => {
    await ended("a");
    const dying = createUsersNeeded({
      database,
      clock,
      tell: () => Promise.reject(new Error("killed")),
      onOutcome: () => undefined,
    });
    await expect(dying(never)).rejects.toThrow("killed");
    await replica()(never);
    expect(told).toEqual([]);
    clock.advance(minuteMs);
    await replica()(never);
    expect(outcomes).toEqual(["told a"]);
  });

  test("while nobody listens one is tried, and the others wait without using up their attempts", async () => {
    for (const id of ["a", "b", "c"]) await ended(id);
    heard = false;
    await replica()(never);
    expect(told).toHaveLength(1);
    heard = true;
    await replica()(never);
    expect(new Set(told).size).toBe(3);
  });
});
