// The queue of what providers have yet to hear, in the database: it outlives the process, and replicas take from it without
// getting in each other's way. Telling itself, and how long to wait in between, is providers/telling.ts.

import type { Kysely, Selectable } from "kysely";
import type { Clock } from "../exchange/ports.ts";
import {
  maxTellingsPerProvider,
  type TakenTelling,
  type Telling,
  tellingLeaseMs,
  tellingLifetimeMs,
  type TellingQueue,
} from "../exchange/revocation-ports.ts";
import { Secret } from "../exchange/secret.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Sealer } from "../sealing/sealer.ts";
import type { TellingNames } from "../sealing/telling-names.ts";
import type { Database } from "./database.ts";
import { associatedData, sealedColumns } from "./sealed-columns.ts";
import type { Tables } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

type Row = Selectable<Tables["upstream_revocations"]>;

/** A row that does not open may open on a replica that has the key. */
const unreadableWaitMs = 300_000;

export interface UpstreamRevocationsParts {
  readonly database: Pick<Database, "run">;
  /** Purpose `sealedColumns.upstreamToken.purpose`. */
  readonly sealer: Sealer;
  readonly nameOf: TellingNames;
  readonly clock: Clock;
  /** Told of each token that does not open. */
  readonly onAlarm: () => void;
}

export function createUpstreamRevocationQueue({ database, sealer, nameOf, clock, onAlarm }: UpstreamRevocationsParts): TellingQueue {
  const run = <T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> => database.run(work).catch(rethrowUnavailable);

  /** Taken until `leaseMs`: an attempt that outlasts its lease changes nothing any more. */
  function taken(row: Pick<Row, "id" | "attempts">, about: Telling, leaseMs: number): TakenTelling {
    return {
      about,
      attempts: row.attempts,
      async done() {
        await run((db) => db.deleteFrom("upstream_revocations").where("id", "=", row.id).execute());
      },
      later: (atMs) => move(row.id, leaseMs, { next_at: atMs }).then(() => undefined),
    };
  }

  /** Compare and set: true for exactly one of those who read the row as it was. */
  async function move(id: string, seenMs: number, to: { readonly next_at: number; readonly attempts?: number }): Promise<boolean> {
    const moved = await run((db) =>
      db.updateTable("upstream_revocations").set(to).where("id", "=", id).where("next_at", "=", seenMs).executeTakeFirst(),
    );
    return moved.numUpdatedRows === 1n;
  }

  async function take(row: Row): Promise<TakenTelling | undefined> {
    const opened = sealer.open(row.sealed_token, associatedData(sealedColumns.upstreamToken, row));
    const leaseMs = Math.floor(clock()) + (opened === undefined ? unreadableWaitMs : tellingLeaseMs);
    const attempts = row.attempts + 1;
    if (!(await move(row.id, row.next_at, { next_at: leaseMs, attempts }))) return undefined;
    if (opened === undefined) {
      onAlarm();
      return undefined;
    }
    const { id, provider, hint } = row;
    return taken({ id, attempts }, { provider, token: new Secret(Buffer.from(opened).toString()), hint }, leaseMs);
  }

  return {
    async add(about) {
      const { provider, hint } = about;
      const nowMs = Math.floor(clock());
      const id = nameOf(provider, about.token);
      const row = { id, provider, hint, attempts: 1, next_at: nowMs + tellingLeaseMs, expires_at: nowMs + tellingLifetimeMs };
      const sealed = sealer.seal(Buffer.from(about.token.reveal()), associatedData(sealedColumns.upstreamToken, row));
      const added = await run(async (db) => {
        const same = await db.selectFrom("upstream_revocations").select("id").where("id", "=", id).executeTakeFirst();
        if (same !== undefined) return false;
        const waiting = db.selectFrom("upstream_revocations").select("id").where("provider", "=", provider).limit(maxTellingsPerProvider);
        const { count } = await db
          .selectFrom(waiting.as("waiting"))
          .select((found) => found.fn.countAll<number>().as("count"))
          .executeTakeFirstOrThrow();
        if (count >= maxTellingsPerProvider) throw storeUnavailable({ code: "FULL", outcome: "refused" });
        const { numInsertedOrUpdatedRows } = await db
          .insertInto("upstream_revocations")
          .values({ ...row, sealed_token: sealed })
          .onConflict((conflict) => conflict.column("id").doNothing())
          .executeTakeFirst();
        return numInsertedOrUpdatedRows === 1n;
      });
      return added ? taken(row, about, row.next_at) : undefined;
    },
    async takeDue(limit) {
      const nowMs = clock();
      const due = await run((db) =>
        db
          .selectFrom("upstream_revocations")
          .selectAll()
          .where("next_at", "<=", nowMs)
          .where("expires_at", ">", nowMs)
          .orderBy("next_at")
          .limit(limit)
          .execute(),
      );
      const taking = await Promise.all(due.map(take));
      return taking.filter((one) => one !== undefined);
    },
    async dropExpired() {
      const gone = await run((db) => db.deleteFrom("upstream_revocations").where("expires_at", "<=", clock()).executeTakeFirst());
      return Number(gone.numDeletedRows);
    },
  };
}
