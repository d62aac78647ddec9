import { beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.ts";
import {
  advanceFamily,
  claimFamily,
  endFamily,
  type FamilyRow,
  insertFamily,
  type NextGeneration,
  readFamily,
  releaseFamily,
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
  claim: null,
  claimed_at: null,
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
const claim = { claim: "mine", nowMs };
const end = { reason: "revoked", nowMs, expiresAtMs: nowMs + 10 } as const;
const claimed = { claim: "mine", claimed_at: nowMs };
const ended = { ended_at: nowMs, ended_reason: "reused" } as const;
const others = { ...fresh, id: "other family" };

const shown = (row: FamilyRow | undefined) =>
  row && { ...row, sealed_grant: [...row.sealed_grant], sealed_answer: row.sealed_answer && [...row.sealed_answer] };

onEachDatabase((_name, open) => {
  let database: Database;
  beforeEach(async () => {
    database = await open();
  });

  const changes = {
    claim: () => claimFamily(database, { id: "family", generation: 5 }, claim),
    release: () => releaseFamily(database, "family", "mine"),
    advance: () => advanceFamily(database, { id: "family", generation: 5, claim: "mine" }, next),
    end: () => endFamily(database, { id: "family", generation: 5 }, end),
    "end where it is held": () => endFamily(database, { id: "family", generation: 5 }, { ...end, heldBy: "mine" }),
  };

  const table: readonly (readonly [keyof typeof changes, string, Partial<FamilyRow>, Partial<FamilyRow> | undefined])[] = [
    ["claim", "free", {}, claimed],
    ["claim", "free, and claimed before", { claimed_at: nowMs - 5 }, claimed],
    ["claim", "somebody's", { claim: "another", claimed_at: nowMs - 5 }, undefined],
    ["claim", "of another generation", { generation: 6 }, undefined],
    ["claim", "ended", ended, undefined],
    ["release", "held", claimed, { claim: null }],
    ["release", "somebody else's", { claim: "another", claimed_at: nowMs }, undefined],
    ["advance", "held", claimed, { ...next, claim: null, claimed_at: null }],
    ["advance", "somebody else's", { claim: "another", claimed_at: nowMs }, undefined],
    ["advance", "of another generation", { ...claimed, generation: 4 }, undefined],
    ["advance", "ended", { ...claimed, ...ended }, undefined],
    ["end", "free", {}, { ended_at: nowMs, ended_reason: "revoked", expires_at: nowMs + 10, sealed_answer: null }],
    ["end", "held", claimed, { ended_at: nowMs, ended_reason: "revoked", expires_at: nowMs + 10, sealed_answer: null }],
    ["end", "of another generation", { generation: 6 }, undefined],
    ["end", "ended", ended, undefined],
    ["end where it is held", "free", {}, undefined],
    ["end where it is held", "somebody else's", { claim: "another", claimed_at: nowMs }, undefined],
    ["end where it is held", "held", claimed, { ended_at: nowMs, ended_reason: "revoked", expires_at: nowMs + 10, sealed_answer: null }],
  ];

  describe("what is asked of a row takes effect, or changes nothing and says so:", () => {
    it.each(table)("%s: %s", async (change, _state, given, becomes) => {
      const before = { ...fresh, ...given };
      await insertFamily(database, before);
      await insertFamily(database, others);
      expect(await changes[change]()).toBe(becomes !== undefined);
      expect(shown(await readFamily(database, "family"))).toEqual(shown({ ...before, ...becomes }));
      expect(shown(await readFamily(database, "other family"))).toEqual(shown(others));
    });

    it("insert: there already", async () => {
      await insertFamily(database, fresh);
      await insertFamily(database, { ...fresh, generation: 9 });
      expect((await readFamily(database, "family"))?.generation).toBe(5);
    });

    it.each(Object.keys(changes) as (keyof typeof changes)[])("%s: not there", async (change) => {
      expect(await changes[change]()).toBe(false);
      expect(await readFamily(database, "family")).toBeUndefined();
    });
  });
});
