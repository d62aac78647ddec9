// The first tables: one-time things, revocations, refresh handle families, revocations to tell upstream. See tables.ts for what
// they mean. A migration that was released is never changed: the next one builds on it.

import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";

export function firstTables(dialect: Database["dialect"]): Migration {
  const bytes = dialect === "postgres" ? sql`bytea` : sql`blob`;
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("one_time")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("nonce", "text", (column) => column.notNull())
        .addColumn("sealed", bytes)
        .addColumn("expires_at", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("revocation_head")
        .addColumn("id", "integer", (column) => column.primaryKey())
        .addColumn("seq", "bigint", (column) => column.notNull())
        .addColumn("log", "text", (column) => column.notNull())
        .execute();
      await sql`insert into revocation_head (id, seq, log) values (1, 0, ${randomUUID()})`.execute(db);
      await db.schema
        .createTable("revocations")
        .addColumn("seq", "bigint", (column) => column.primaryKey())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("until", "bigint")
        .addColumn("expires_at", "bigint", (column) => column.notNull())
        .addUniqueConstraint("revocations_thing", ["kind", "provider", "id"])
        .execute();
      await db.schema
        .createTable("handle_families")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("client_id", "text", (column) => column.notNull())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("generation", "integer", (column) => column.notNull())
        .addColumn("sealed_grant", bytes, (column) => column.notNull())
        .addColumn("sealed_answer", bytes)
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("rotated_at", "bigint", (column) => column.notNull())
        .addColumn("used_at", "bigint")
        .addColumn("tokens", "text", (column) => column.notNull())
        .addColumn("ended_at", "bigint")
        .addColumn("ended_reason", "text")
        .addColumn("expires_at", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("upstream_revocations")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("sealed_token", bytes, (column) => column.notNull())
        .addColumn("hint", "text", (column) => column.notNull())
        .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("next_at", "bigint", (column) => column.notNull())
        .addColumn("expires_at", "bigint", (column) => column.notNull())
        .execute();

      for (const table of ["one_time", "revocations", "handle_families", "upstream_revocations"]) {
        await db.schema.createIndex(`${table}_expiry`).on(table).column("expires_at").execute();
      }
      await db.schema.createIndex("upstream_revocations_queue").on("upstream_revocations").column("next_at").execute();
    },
  };
}
