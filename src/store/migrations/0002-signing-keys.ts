// This service's own signing keys. See tables.ts for what the columns mean.

import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import type { Database } from "../database.ts";

export function signingKeys(dialect: Database["dialect"]): Migration {
  const bytes = dialect === "postgres" ? sql`bytea` : sql`blob`;
  return {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("signing_keys")
        .addColumn("kid", "text", (column) => column.primaryKey())
        .addColumn("algorithm", "text", (column) => column.notNull())
        .addColumn("seq", "integer", (column) => column.notNull())
        .addColumn("public_jwk", "text", (column) => column.notNull())
        .addColumn("sealed_key", bytes)
        .addColumn("announced_at", "bigint", (column) => column.notNull())
        .addColumn("activates_at", "bigint", (column) => column.notNull())
        .addColumn("ended_at", "bigint")
        .addUniqueConstraint("signing_keys_order", ["algorithm", "seq"])
        .execute();
    },
  };
}
