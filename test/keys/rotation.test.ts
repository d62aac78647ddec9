import { describe, expect, it } from "vitest";
import { announcedFrom, successorDue, takeUpMs } from "../../src/keys/rotation.ts";
import { type ScheduledKey, timed } from "../../src/keys/signing-schedule.ts";

const hour = 3_600_000;
const startMs = 1_800_000_000_000;
const rules = { rotateEveryMs: 720 * hour, announceMs: 24 * hour };

const first: ScheduledKey = {
  kid: "first",
  algorithm: "ES256",
  seq: 1,
  announcedAtMs: startMs,
  activatesAtMs: startMs,
  endedAtMs: undefined,
};
const due = (keys: readonly ScheduledKey[], nowMs: number) => successorDue(timed(keys), nowMs, rules);
/** The last instant at which a successor can be made that is announced in time. */
const lastMs = startMs + rules.rotateEveryMs - rules.announceMs - takeUpMs;

describe("a successor", () => {
  it("is due at once where there is no key", () => {
    expect(due([], startMs)).toBe(startMs);
  });

  it("is not due while there is time", () => {
    expect(due([first], lastMs - 1)).toBeUndefined();
  });

  it("is made so early that it was announced when the key before it gets too old", () => {
    expect(due([first], lastMs)).toBe(startMs + rules.rotateEveryMs);
  });

  it("that is late is announced all the same", () => {
    expect(due([first], lastMs + 100 * hour)).toBe(announcedFrom(lastMs + 100 * hour, rules.announceMs));
  });

  it("is made once", () => {
    const next = { ...first, kid: "next", seq: 2, announcedAtMs: lastMs, activatesAtMs: startMs + rules.rotateEveryMs };
    expect(due([first, next], lastMs + hour)).toBeUndefined();
  });

  it("is due at once where the key that signed was ended, although another one is announced", () => {
    const next = { ...first, kid: "next", seq: 2, activatesAtMs: startMs + rules.rotateEveryMs };
    expect(due([{ ...first, endedAtMs: startMs + hour }, next], startMs + 2 * hour)).toBe(startMs + 2 * hour);
  });
});
