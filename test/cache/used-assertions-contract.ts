// What every memory of used assertions must do, whatever keeps it. Each implementation's test runs this suite on its own.

import { describe, expect, test } from "vitest";
import type { UsedAssertions } from "../../src/exchange/one-time-ports.ts";
import { nowMs } from "./fixtures.ts";

export interface UsedAssertionsSubject {
  /** Two replicas with one authority; where the process is the authority, the same one twice. */
  replicas(): readonly [UsedAssertions, UsedAssertions];
  /** Lets everything expire that does so within so many milliseconds. */
  pass(ms: number): Promise<void>;
}

const soon = nowMs + 300_000;

export function usedAssertionsContract(subject: UsedAssertionsSubject): void {
  describe("an assertion", () => {
    test("works once, on whichever replica", async () => {
      const [used, other] = subject.replicas();
      expect(await used.claim("batch", "id-1", soon)).toBe(true);
      expect(await used.claim("batch", "id-1", soon)).toBe(false);
      expect(await other.claim("batch", "id-1", soon)).toBe(false);
    });

    test("replayed fifty times at the same moment works once", async () => {
      const [used, other] = subject.replicas();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? used : other).claim("batch", "id-1", soon)),
      );
      expect(answers.filter(Boolean).length).toBe(1);
    });

    test("is not confused with another client's of the same id, nor with a moved boundary", async () => {
      const [used] = subject.replicas();
      expect(await used.claim("batch", "id-1", soon)).toBe(true);
      expect(await used.claim("other", "id-1", soon)).toBe(true);
      expect(await used.claim("batchi", "d-1", soon)).toBe(true);
    });

    test("replayed with a later expiry is still the same", async () => {
      const [used] = subject.replicas();
      expect(await used.claim("batch", "id-1", soon)).toBe(true);
      expect(await used.claim("batch", "id-1", soon + 60_000)).toBe(false);
    });

    test("is remembered until it expires, and not longer", async () => {
      const [used, other] = subject.replicas();
      expect(await used.claim("batch", "id-1", nowMs + 1_000)).toBe(true);
      expect(await used.claim("batch", "id-2", soon)).toBe(true);
      await subject.pass(1_000);
      expect(await other.claim("batch", "id-1", soon)).toBe(true);
      expect(await other.claim("batch", "id-2", soon)).toBe(false);
    });

    test.each([
      ["this very moment", nowMs],
      ["before", nowMs - 1],
      ["at a time that is no number", Number.NaN],
    ])("that expires %s counts as used: its mark would hold nobody back", async (_, expiresAtMs) => {
      const [used] = subject.replicas();
      expect(await used.claim("batch", "id-1", expiresAtMs)).toBe(false);
      expect(await used.claim("batch", "id-1", soon)).toBe(true);
    });
  });
}
