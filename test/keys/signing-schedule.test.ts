import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { announcedFrom, successorDue } from "../../src/keys/rotation.ts";
import { lingerMs, type ScheduledKey, stateAt, timed } from "../../src/keys/signing-schedule.ts";

const [minute, hour] = [60_000, 3_600_000];
const startMs = 1_800_000_000_000;

function key(seq: number, activatesAtMs: number, more: Partial<ScheduledKey> = {}): ScheduledKey {
  return { kid: `k${seq}`, algorithm: "ES256", seq, announcedAtMs: activatesAtMs, activatesAtMs, endedAtMs: undefined, ...more };
}

const statesAt = (keys: readonly ScheduledKey[], nowMs: number) => timed(keys).map((one) => stateAt(one, nowMs));

describe("a key", () => {
  const keys = [key(1, startMs), key(2, startMs + 10 * hour, { announcedAtMs: startMs + hour })];

  it.each([
    ["the first one alone", startMs + hour, ["active", "announced"]],
    ["the last instant before its successor", startMs + 10 * hour - 1, ["active", "announced"]],
    ["the instant of its successor", startMs + 10 * hour, ["retired", "active"]],
    ["as long as its last token may live, and an hour", startMs + 10 * hour + lingerMs - 1, ["retired", "active"]],
    ["after that", startMs + 10 * hour + lingerMs, ["dropped", "active"]],
  ])("%s", (_name, nowMs, states) => {
    expect(statesAt(keys, nowMs)).toEqual(states);
  });

  it("of another algorithm replaces none", () => {
    expect(statesAt([key(1, startMs), key(2, startMs + 1, { algorithm: "EdDSA" })], startMs + hour)).toEqual(["active", "active"]);
  });

  it("that was made later and signs at once overtakes one that is announced, which then never signs", () => {
    const overtaken = [key(1, startMs), key(2, startMs + 10 * hour), key(3, startMs + hour)];
    expect(statesAt(overtaken, startMs + hour)).toEqual(["retired", "retired", "active"]);
    expect(statesAt(overtaken, startMs + 10 * hour)).toEqual(["retired", "retired", "active"]);
  });

  it("that was ended is dropped at once, whatever the clock of who ended it says", () => {
    expect(statesAt([key(1, startMs, { endedAtMs: startMs + 5 * minute })], startMs + minute)).toEqual(["dropped"]);
  });

  it("that was ended before it signed leaves the one before it as it was", () => {
    expect(statesAt([key(1, startMs), key(2, startMs + hour, { endedAtMs: startMs + minute })], startMs + 2 * hour)).toEqual([
      "active",
      "dropped",
    ]);
  });

  it("that was replaced does not come back when its successor is ended", () => {
    expect(statesAt([key(1, startMs), key(2, startMs + hour, { endedAtMs: startMs + 2 * hour })], startMs + 3 * hour)).toEqual([
      "retired",
      "dropped",
    ]);
  });
});

describe("for any rotations at any instants", () => {
  const rules = { rotateEveryMs: 48 * hour, announceMs: 2 * hour };
  /** A poll every hour, of what a cache has kept for ten minutes. */
  const oldestKnowledgeMs = 70 * minute;
  const tokenMs = 24 * hour;

  const deeds = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 60 * hour }),
      deed: fc.constantFrom("look", "look", "rotate", "rotate at once", "end the announced", "end the active"),
    }),
    { minLength: 1, maxLength: 12 },
  );

  interface Version {
    readonly fromMs: number;
    readonly keys: readonly ScheduledKey[];
  }

  /** What stood in the store from which instant on, and when somebody broke the rules on purpose. */
  function play(steps: readonly { readonly afterMs: number; readonly deed: string }[]) {
    let nowMs = startMs;
    let keys: readonly ScheduledKey[] = [];
    const versions: Version[] = [];
    const atOnce = new Set<string>();
    const add = (activatesAtMs: number) => {
      const made = key(keys.length + 1, activatesAtMs, { announcedAtMs: nowMs });
      if (activatesAtMs === nowMs) atOnce.add(made.kid);
      keys = [...keys, made];
    };
    const end = (state: string) => {
      const target = timed(keys).find((one) => stateAt(one, nowMs) === state);
      keys = keys.map((one) => (one.kid === target?.kid ? { ...one, endedAtMs: nowMs } : one));
      return target !== undefined;
    };
    for (const { afterMs, deed } of [{ afterMs: 0, deed: "look" }, ...steps]) {
      nowMs += afterMs;
      const due = successorDue(timed(keys), nowMs, rules);
      if (due !== undefined) add(due);
      if (deed === "rotate" && !statesAt(keys, nowMs).includes("announced")) add(announcedFrom(nowMs, rules.announceMs));
      if (deed === "rotate at once") add(nowMs);
      if (deed === "end the announced") end("announced");
      if (deed === "end the active" && end("active")) add(nowMs);
      versions.push({ fromMs: nowMs, keys });
    }
    return { versions, atOnce, endMs: nowMs + 72 * hour };
  }

  const known = (versions: readonly Version[], atMs: number) =>
    timed(versions.findLast(({ fromMs }) => fromMs <= atMs)?.keys ?? []).map((one) => ({ ...one, state: stateAt(one, atMs) }));
  const publishedAt = (versions: readonly Version[], atMs: number) =>
    known(versions, atMs).flatMap(({ kid, state }) => (state === "dropped" ? [] : [kid]));

  /** All instants at which something changes, those right before, and some in between. */
  function instants(versions: readonly Version[], endMs: number): readonly number[] {
    const changes = versions.flatMap(({ fromMs, keys }) => [
      fromMs,
      ...timed(keys).flatMap(({ activatesAtMs, retiresAtMs, dropsAtMs }) => [activatesAtMs, retiresAtMs, dropsAtMs]),
    ]);
    return [...new Set(changes)].flatMap((at) => [at - 1, at, at + 31 * minute]).filter((at) => at >= startMs && at <= endMs);
  }

  const activeAt = (versions: readonly Version[], atMs: number) => known(versions, atMs).filter(({ state }) => state === "active");

  it("exactly one key signs, which was published for as long as it is announced, or was meant to sign at once", () => {
    fc.assert(
      fc.property(deeds, (steps) => {
        const { versions, atOnce, endMs } = play(steps);
        const wrong = instants(versions, endMs).filter((at) => {
          const [signing, ...others] = activeAt(versions, at);
          if (signing === undefined || others.length > 0) return true;
          return !atOnce.has(signing.kid) && at - signing.announcedAtMs < rules.announceMs;
        });
        expect(wrong).toEqual([]);
      }),
    );
    expect.hasAssertions();
  });

  it("a verifier that asked an hour ago, of a cache of ten minutes, knows the key that signs", () => {
    fc.assert(
      fc.property(deeds, fc.integer({ min: 0, max: oldestKnowledgeMs }), (steps, ageMs) => {
        const { versions, atOnce, endMs } = play(steps);
        const unknown = instants(versions, endMs).flatMap((at) => {
          const before = publishedAt(versions, at - ageMs);
          return activeAt(versions, at).filter(({ kid }) => !atOnce.has(kid) && !before.includes(kid));
        });
        expect(unknown).toEqual([]);
      }),
    );
    expect.hasAssertions();
  });

  it("a token of 24 hours verifies until it expires, unless its key was ended", () => {
    fc.assert(
      fc.property(deeds, fc.integer({ min: 0, max: tokenMs }), (steps, ageMs) => {
        const { versions, endMs } = play(steps);
        const refused = instants(versions, endMs).flatMap((at) => {
          const later = known(versions, at + ageMs);
          const good = later.filter(({ state, endedAtMs }) => state !== "dropped" || endedAtMs !== undefined).map(({ kid }) => kid);
          return activeAt(versions, at).filter(({ kid }) => !good.includes(kid));
        });
        expect(refused).toEqual([]);
      }),
    );
    expect.hasAssertions();
  });
});
