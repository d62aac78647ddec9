// Connections as an operator sees them, page by page in the order of their ids: nothing of what is sealed.

import type { ConnectionRow } from "./connection-rows.ts";
import type { Database } from "./database.ts";
import { rethrowUnavailable } from "./unavailable.ts";

const listed = [
  "id",
  "client_id",
  "provider",
  "account_id",
  "kept",
  "generation",
  "created_at",
  "refreshed_at",
  "used_at",
  "due_at",
  "ended_at",
  "ended_reason",
  "expires_at",
] as const;

export type ListedConnection = Pick<ConnectionRow, (typeof listed)[number]>;

/** What is not given is not asked for. */
export interface ConnectionsPage {
  readonly provider: string | undefined;
  readonly client: string | undefined;
  readonly account: string | undefined;
  /** Those that have ended as well. */
  readonly ended: boolean;
  /** Behind that id; empty: from the first. */
  readonly after: string;
  readonly limit: number;
}

export function listConnections(database: Pick<Database, "run">, page: ConnectionsPage): Promise<readonly ListedConnection[]> {
  const { provider, client, account, ended, after, limit } = page;
  return database
    .run((db) => {
      let query = db.selectFrom("connections").select(listed).where("id", ">", after).orderBy("id").limit(limit);
      if (account !== undefined) query = query.where("account_id", "=", account);
      if (client !== undefined) query = query.where("client_id", "=", client);
      if (provider !== undefined) query = query.where("provider", "=", provider);
      if (!ended) query = query.where("ended_at", "is", null);
      return query.execute();
    })
    .catch(rethrowUnavailable);
}
