// The statements over the table of accounts. Every change says whether it took effect; what it means that it did not is its callers'
// business. A database that does not answer is STORE_UNAVAILABLE.

import type { Selectable } from "kysely";
import type { AccountStanding } from "../exchange/revocation-ports.ts";
import type { Database } from "./database.ts";
import { appendStanding } from "./revocation-log.ts";
import type { AccountRow } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

export type AccountRecord = Readonly<Selectable<AccountRow>>;

/** Who signed in at a provider. */
export type AccountKey = Pick<AccountRecord, "provider" | "issuer" | "provider_user_id">;

export function readAccount(database: Pick<Database, "run">, id: string): Promise<AccountRecord | undefined> {
  return answered(database.run((db) => db.selectFrom("accounts").selectAll().where("id", "=", id).executeTakeFirst()));
}

export function readAccountOfUser(database: Pick<Database, "run">, key: AccountKey): Promise<AccountRecord | undefined> {
  return answered(
    database.run((db) =>
      db
        .selectFrom("accounts")
        .selectAll()
        .where("provider", "=", key.provider)
        .where("issuer", "=", key.issuer)
        .where("provider_user_id", "=", key.provider_user_id)
        .executeTakeFirst(),
    ),
  );
}

export interface AccountsPage {
  /** Undefined: of all of them. */
  readonly provider: string | undefined;
  /** Those whose id is beyond. */
  readonly after: string;
  readonly limit: number;
}

/** In the order of their ids. */
export function readAccounts(database: Pick<Database, "run">, { provider, after, limit }: AccountsPage): Promise<readonly AccountRecord[]> {
  return answered(
    database.run((db) => {
      const page = db.selectFrom("accounts").selectAll().where("id", ">", after).orderBy("id").limit(limit);
      return (provider === undefined ? page : page.where("provider", "=", provider)).execute();
    }),
  );
}

/** False: there is one of that user, or of that id; nothing was changed. */
export async function insertAccount(database: Pick<Database, "run">, row: AccountRecord): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await answered(
    database.run((db) =>
      db
        .insertInto("accounts")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst(),
    ),
  );
  return numInsertedOrUpdatedRows === 1n;
}

/** @returns the row as it stands by then; undefined: there is none of that id */
export function updateAccount(
  database: Pick<Database, "run">,
  { id, ...said }: Pick<AccountRecord, "id" | "sealed_user" | "updated_at">,
): Promise<AccountRecord | undefined> {
  return answered(database.run((db) => db.updateTable("accounts").set(said).where("id", "=", id).returningAll().executeTakeFirst()));
}

export interface StandingChange {
  readonly id: string;
  /** What replicas are to refuse from then on: one for each subject of the account's tokens. In one with the row, or not at all. */
  readonly standings: readonly AccountStanding[];
}

/** disabled_before: what replicas refuse was said once more. unknown: there is none, and nothing was done. */
export type Disabling = "disabled" | "disabled_before" | "unknown";

export function disableAccount(database: Pick<Database, "transaction">, change: StandingChange, nowMs: number): Promise<Disabling> {
  return answered(
    database.transaction(async (db) => {
      const account = db.updateTable("accounts").where("id", "=", change.id);
      const first = await account.set({ disabled_at: nowMs }).where("disabled_at", "is", null).executeTakeFirst();
      // Whoever enables it at this moment waits for the row, or has committed: then it is disabled again by this.
      if (first.numUpdatedRows === 0n) {
        const again = await account.set((row) => ({ disabled_at: row.fn.coalesce("disabled_at", row.val(nowMs)) })).executeTakeFirst();
        if (again.numUpdatedRows === 0n) return "unknown";
      }
      // Nobody gets their tokens any more, and enabling brings none of them back: what its provider gave is left to run out.
      await db.updateTable("connections").set({ due_at: null }).where("account_id", "=", change.id).execute();
      for (const standing of change.standings) await appendStanding(db, standing);
      return first.numUpdatedRows === 1n ? "disabled" : "disabled_before";
    }),
  );
}

/** False: it was not disabled, and nothing was done. */
export function enableAccount(database: Pick<Database, "transaction">, change: StandingChange): Promise<boolean> {
  return answered(
    database.transaction(async (db) => {
      const { numUpdatedRows } = await db
        .updateTable("accounts")
        .set({ disabled_at: null })
        .where("id", "=", change.id)
        .where("disabled_at", "is not", null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return false;
      for (const standing of change.standings) await appendStanding(db, standing);
      return true;
    }),
  );
}

export interface Forgetting extends StandingChange {
  /** When what has ended with it may be forgotten, too. */
  readonly endedUntilMs: number;
}

/** Deletes it, with all that is kept of its connections. False: there is none that is not disabled, and nothing was done. */
export function deleteAccount(database: Pick<Database, "transaction">, change: Forgetting, nowMs: number): Promise<boolean> {
  return answered(
    database.transaction(async (db) => {
      const account = db.deleteFrom("accounts").where("id", "=", change.id).where("disabled_at", "is", null);
      if ((await account.executeTakeFirst()).numDeletedRows === 0n) return false;
      const nothing = { sealed_grant: null, sealed_tokens: null, due_at: null, tell_at: null };
      await db
        .updateTable("connections")
        .set({ ended_at: nowMs, ended_reason: "revoked", expires_at: change.endedUntilMs, ...nothing })
        .where("account_id", "=", change.id)
        .where("ended_at", "is", null)
        .execute();
      for (const standing of change.standings) await appendStanding(db, standing);
      return true;
    }),
  );
}

function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch(rethrowUnavailable);
}
