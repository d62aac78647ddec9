import { beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import {
  advanceFamily,
  endFamily,
  type FamilyRow,
  insertFamily,
  type NextGeneration,
  readFamily,
  useFamily,
} from "../../src/store/family-rows.ts";
import { onEachDatabase } from "./database-rig.ts";

const nowMs = 1_800_000_000_000;
const fresh: FamilyRow = {
  id: "family",
  client_id: "web",
  provider: "main",
  generation: 5,
  sealed_grant: Uint8Array.of(1, 2, 3),
  sealed_answer: Uint8Array.of(4),
  created_at: nowMs,
  rotated_at: nowMs,
  used_at: null,
  tokens: "[]",
  ended_at: null,
  ended_reason: null,
  expires_at: nowMs + 1_000,
};
const next: NextGeneration = {
  generation: 6,
  sealed_grant: Uint8Array.of(5),
  sealed_answer: Uint8Array.of(6),
  rotated_at: nowMs + 1,
  tokens: "[1]",
  expires_at: nowMs + 2_000,
};
const end = { reason: "revoked", nowMs, expiresAtMs: nowMs + 10 } as const;
const used = { used_at: nowMs - 5 };
const ended = { ended_at: nowMs, ended_reason: "reused" } as const;
const others = { ...fresh, id: "other family" };

const shown = (row: FamilyRow | undefined) =>
  row && { ...row, sealed_grant: [...row.sealed_grant], sealed_answer: row.sealed_answer && [...row.sealed_answer] };

onEachDatabase((_name, open) => {
  let database: Database;
  beforeEach(async () => {
    database = await open();
  });

  const at = { id: "family", generation: 5 };
  const changes = {
    use: () => useFamily(database, at, nowMs),
    advance: () => advanceFamily(database, at, next),
    end: () => endFamily(database, at, end),
  };
  const isEnded = { ended_at: nowMs, ended_reason: "revoked", expires_at: nowMs + 10, sealed_answer: null } as const;

  const table: readonly (readonly [keyof typeof changes, string, Partial<FamilyRow>, Partial<FamilyRow> | undefined])[] = [
    ["use", "not used yet", {}, { used_at: nowMs }],
    ["use", "used before", used, undefined],
    ["use", "of another generation", { generation: 6 }, undefined],
    ["use", "ended", ended, undefined],
    ["advance", "not used yet", {}, { ...next, used_at: null }],
    ["advance", "used", used, { ...next, used_at: null }],
    ["advance", "of another generation", { ...used, generation: 4 }, undefined],
    ["advance", "ended", { ...used, ...ended }, undefined],
    ["end", "not used yet", {}, isEnded],
    ["end", "used", used, isEnded],
    ["end", "of another generation", { generation: 6 }, undefined],
    ["end", "ended", ended, undefined],
  ];

  describe("what is asked of a row takes effect, or changes nothing and says so:", () => {
    it.each(table)("%s: %s", async (change, _state, given, becomes) => {
      const before = { ...fresh, ...given };
      await insertFamily(database, before);
      await insertFamily(database, others);
      // That a use was not the first one is nothing to its caller.
      expect(await changes[change]()).toBe(change === "use" ? undefined : becomes !== undefined);
      expect(shown(await readFamily(database, "family"))).toEqual(shown({ ...before, ...becomes }));
      expect(shown(await readFamily(database, "other family"))).toEqual(shown(others));
    });

    it("use: of the first generation, which has no predecessor", async () => {
      const before = { ...fresh, generation: 0 };
      await insertFamily(database, before);
      await useFamily(database, before, nowMs);
      expect((await readFamily(database, "family"))?.used_at).toBeNull();
    });

    it("insert: there already", async () => {
      await insertFamily(database, fresh);
      await insertFamily(database, { ...fresh, generation: 9 });
      expect((await readFamily(database, "family"))?.generation).toBe(5);
    });

    it.each(Object.keys(changes) as (keyof typeof changes)[])("%s: not there", async (change) => {
      expect(await changes[change]()).toBe(change === "use" ? undefined : false);
      expect(await readFamily(database, "family")).toBeUndefined();
    });
  });
});
