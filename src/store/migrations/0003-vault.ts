// Accounts, connections, and who may refresh them. See tables.ts for what the columns mean.

import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";

export function vault(dialect: Database["dialect"]): Migration {
  const bytes = dialect === "postgres" ? sql`bytea` : sql`blob`;
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("accounts")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("issuer", "text", (column) => column.notNull())
        .addColumn("provider_user_id", "text", (column) => column.notNull())
        .addColumn("sealed_user", bytes, (column) => column.notNull())
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("updated_at", "bigint", (column) => column.notNull())
        .addColumn("disabled_at", "bigint")
        .addUniqueConstraint("accounts_user", ["provider", "issuer", "provider_user_id"])
        .execute();
      await db.schema
        .createTable("connections")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("client_id", "text", (column) => column.notNull())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("account_id", "text", (column) => column.notNull())
        .addColumn("kept", "integer", (column) => column.notNull())
        .addColumn("generation", "integer", (column) => column.notNull())
        .addColumn("sealed_grant", bytes)
        .addColumn("sealed_tokens", bytes)
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("refreshed_at", "bigint", (column) => column.notNull())
        .addColumn("used_at", "bigint", (column) => column.notNull())
        .addColumn("due_at", "bigint")
        .addColumn("ended_at", "bigint")
        .addColumn("ended_reason", "text")
        .addColumn("tell_at", "bigint")
        .addColumn("expires_at", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("refresh_intents")
        .addColumn("connection_id", "text", (column) => column.notNull().references("connections.id").onDelete("cascade"))
        .addColumn("generation", "integer", (column) => column.notNull())
        .addColumn("attempt", "integer", (column) => column.notNull())
        .addColumn("spool", "text", (column) => column.notNull())
        .addColumn("call", "text", (column) => column.notNull())
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("outcome", "text")
        .addPrimaryKeyConstraint("refresh_intents_pk", ["connection_id", "generation", "attempt"])
        .execute();
      await db.schema
        .createTable("leases")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("holder", "text", (column) => column.notNull())
        .addColumn("until", "bigint", (column) => column.notNull())
        .execute();

      // One for each client and account, however many sign in at the same moment.
      await sql`create unique index connections_of_account on connections (account_id, client_id) where kept = 1 and ended_at is null`.execute(
        db,
      );
      await sql`create index connections_due on connections (provider, due_at) where due_at is not null`.execute(db);
      await sql`create index connections_untold on connections (tell_at) where tell_at is not null`.execute(db);
      await db.schema.createIndex("connections_expiry").on("connections").column("expires_at").execute();
      await db.schema.createIndex("connections_provider").on("connections").columns(["provider", "id"]).execute();
      await db.schema.createIndex("connections_client").on("connections").columns(["client_id", "id"]).execute();
      await db.schema.createIndex("connections_account").on("connections").columns(["account_id", "id"]).execute();
      await db.schema.createIndex("accounts_provider").on("accounts").columns(["provider", "id"]).execute();
      await sql`create index refresh_intents_unsettled on refresh_intents (spool) where outcome is null`.execute(db);
    },
  };
}
