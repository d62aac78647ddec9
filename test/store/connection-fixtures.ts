// Rows of connections as a test needs them, without a vault: what is sealed in them opens for nobody.

import type { ConnectionRow } from "../../src/store/connection-rows.ts";
import type { Database } from "../../src/store/database.ts";

export function connectionRow(given: Partial<ConnectionRow> & Pick<ConnectionRow, "id">): ConnectionRow {
  return {
    client_id: "web",
    provider: "main",
    account_id: `account of ${given.id}`,
    kept: 1,
    generation: 0,
    sealed_grant: Buffer.from("sealed"),
    sealed_tokens: Buffer.from("sealed"),
    created_at: 0,
    refreshed_at: 0,
    used_at: 0,
    due_at: null,
    ended_at: null,
    ended_reason: null,
    tell_at: null,
    expires_at: 9_000_000_000_000,
    ...given,
  };
}

export async function insertConnections(database: Database, rows: readonly ConnectionRow[]): Promise<void> {
  await database.run((db) => db.insertInto("connections").values(rows).execute());
}
