// Used codes and pending states in the database: the authority for all replicas, whatever becomes of Redis. When the database
// cannot tell, the answer is STORE_UNAVAILABLE, never a guess; a claim that may or may not have been made is undone in the background.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { type CodeClaim, type OneTimeStore, oneTimeLifetimeMs, type PendingState } from "../exchange/one-time-ports.ts";
import type { Clock } from "../exchange/ports.ts";
import { createUncertainClaims } from "../exchange/uncertain-claims.ts";
import type { OneTimeNames } from "../sealing/one-time-names.ts";
import { decodePendingState, encodePendingState, maxStateBytes } from "../sealing/pending-state-codec.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import { type Database, DatabaseFailure } from "./database.ts";
import { createMarks, type Mark } from "./marks.ts";
import { associatedData, sealedColumns } from "./sealed-columns.ts";
import { rethrowUnavailable } from "./unavailable.ts";

const nonceBytes = 16;

export interface OneTimeStoreParts {
  readonly database: Database;
  readonly names: Pick<OneTimeNames, "ofCode" | "ofState">;
  /** Of the purpose `sealedColumns.pendingState` names. */
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
  readonly random?: (size: number) => Uint8Array;
  /** Waits between attempts to undo a claim; they fail at once when the database is closed. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

export function createOneTimeStore(parts: OneTimeStoreParts): OneTimeStore {
  const { database, names, sealer, clock, onAlarm, random = randomBytes } = parts;
  const marks = createMarks(database, clock);
  const uncertain = createUncertainClaims(parts.wait ?? ((ms) => sleep(ms, undefined, { ref: false })));
  const freshNonce = () => Buffer.from(random(nonceBytes)).toString("base64url");

  function claimOf(mark: Mark): CodeClaim {
    return {
      async release() {
        await marks.unset(mark).catch(() => uncertain.undo(() => marks.unset(mark)));
      },
    };
  }

  function opened(name: string, sealed: unknown): PendingState | undefined {
    const bytes = sealed instanceof Uint8Array ? sealer.open(sealed, associatedData(sealedColumns.pendingState, { name })) : undefined;
    const pending = bytes === undefined ? undefined : decodePendingState(bytes);
    if (pending === undefined) onAlarm({ kind: "unreadable", store: "states" });
    return pending;
  }

  return {
    async claimCode(provider, code) {
      const mark = { names: names.ofCode(provider, code), nonce: freshNonce() };
      try {
        return (await marks.set(mark, clock() + oneTimeLifetimeMs)) ? claimOf(mark) : undefined;
      } catch (error) {
        if (!(error instanceof DatabaseFailure) || error.outcome === "unknown") uncertain.undo(() => marks.unset(mark));
        return rethrowUnavailable(error);
      }
    },
    async keepState(state, pending) {
      const [name] = names.ofState(state);
      const sealed = sealer.seal(encodePendingState(pending), associatedData(sealedColumns.pendingState, { name }));
      if (sealed.length > maxStateBytes) throw new Error("a pending state is larger than its bound");
      const row = { nonce: freshNonce(), sealed, expires_at: clock() + oneTimeLifetimeMs };
      await database
        .run((db) =>
          db
            .insertInto("one_time")
            .values({ name, ...row })
            // A state that was taken and is put back.
            .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
            .execute(),
        )
        .catch(rethrowUnavailable);
    },
    async takeState(state) {
      const taken = await database
        .run((db) =>
          db
            .deleteFrom("one_time")
            .where("name", "in", names.ofState(state))
            // What is longer than anything this service wrote is not read into memory, whoever wrote it.
            .returning(["name", "expires_at", sql`case when length(sealed) <= ${maxStateBytes} then sealed end`.as("sealed")])
            .execute(),
        )
        .catch(rethrowUnavailable);
      const found = taken.find((row) => clock() < row.expires_at);
      return found === undefined ? undefined : opened(found.name, found.sealed);
    },
  };
}
