// The log of revocations in the database: the authority of every replica that has one. Its head is one row, whose lock puts
// revocations into the order in which they are committed; following it is cache/revocations.ts.

import type { Kysely } from "kysely";
import type { Revocation } from "../exchange/ports.ts";
import type { AccountStanding, LogEntry, LogPosition, RevocationLog } from "../exchange/revocation-ports.ts";
import { combined } from "../exchange/revoked.ts";
import type { Database } from "./database.ts";
import type { RevocationRow, Tables } from "./tables.ts";
import { rethrowUnavailable } from "./unavailable.ts";

const headId = 1;

export function createRevocationLog(database: Pick<Database, "run" | "transaction">): RevocationLog {
  return {
    async append(revocation) {
      return database.transaction((db) => appendTo(db, revocation)).catch(rethrowUnavailable);
    },
    async readSince(since, limit) {
      const { head, rows } = await database.run((db) => readFrom(db, since, limit)).catch(rethrowUnavailable);
      return { head, entries: rows.map(entryOf) };
    },
  };
}

/** Replaces whatever was said of that subject's account. To be called within a transaction, which the account's row is part of. */
export async function appendStanding(db: Kysely<Tables>, standing: AccountStanding): Promise<void> {
  const { seq } = await nextPlace(db);
  await takeOut(db, standing);
  await put(db, { seq, revocation: standing });
}

async function appendTo(db: Kysely<Tables>, revocation: Revocation): Promise<LogPosition> {
  const head = await nextPlace(db);
  // One row for one thing, however often it is revoked: it moves to the end, and never gets weaker.
  const old = (await takeOut(db, revocation)).flatMap((entry) => (entry.revocation.kind === "account" ? [] : [entry.revocation]));
  await put(db, { seq: head.seq, revocation: old.reduce<Revocation>(combined, revocation) });
  return head;
}

/** First of all: whoever holds this row commits next, so a number is never seen before those below it, and none is left out. */
async function nextPlace(db: Kysely<Tables>): Promise<LogPosition> {
  return db
    .updateTable("revocation_head")
    .set((row) => ({ seq: row("seq", "+", 1) }))
    .where("id", "=", headId)
    .returning(["log", "seq"])
    .executeTakeFirstOrThrow();
}

/** What was said of the same thing. */
async function takeOut(db: Kysely<Tables>, { kind, provider, id }: LogEntry["revocation"]): Promise<readonly LogEntry[]> {
  const rows = await db
    .deleteFrom("revocations")
    .where((row) => row.and({ kind, provider, id }))
    .returningAll()
    .execute();
  return rows.map(entryOf);
}

async function put(db: Kysely<Tables>, { seq, revocation }: LogEntry): Promise<void> {
  const { kind, provider, id, expiresAt } = revocation;
  const until = revocation.kind === "token" ? null : (revocation.until ?? null);
  await db.insertInto("revocations").values({ seq, kind, provider, id, until, expires_at: expiresAt }).execute();
}

async function readFrom(db: Kysely<Tables>, since: number, limit: number) {
  // The head first: all entries up to it were committed before it was read, so none of them can come later.
  const head = await db.selectFrom("revocation_head").select(["log", "seq"]).where("id", "=", headId).executeTakeFirstOrThrow();
  if (head.seq === since) return { head, rows: [] };
  const rows = await db.selectFrom("revocations").selectAll().where("seq", ">", since).orderBy("seq").limit(limit).execute();
  return { head, rows };
}

function entryOf({ seq, kind, provider, id, until, expires_at: expiresAt }: RevocationRow): LogEntry {
  if (kind === "token") return { seq, revocation: { kind, provider, id, expiresAt } };
  if (kind === "account") return { seq, revocation: { kind, provider, id, until: until ?? undefined, expiresAt } };
  // Without an instant it is about every token that can be alive while it holds: none of them was issued after its end.
  return { seq, revocation: { kind, provider, id, until: until ?? expiresAt, expiresAt } };
}
