// Every column whose bytes are sealed, once: for what purpose, and what of its row they are bound to. Who writes such a column and
// who seals it anew under another key build the same associated data from here, so that no value opens in another place.

import type { Tables } from "./tables.ts";

export interface SealedColumn {
  readonly table: keyof Tables;
  readonly column: string;
  /** The table's primary key. */
  readonly key: string;
  /** What a sealer for this column is created with. */
  readonly purpose: string;
  /** Columns whose values the bytes are bound to. A change of one of them needs the bytes sealed anew. */
  readonly bound: readonly string[];
}

const family = { table: "handle_families", key: "id", bound: ["id", "client_id", "provider", "generation"] } as const;

const connection = { table: "connections", key: "id", bound: ["id", "client_id", "provider", "account_id", "generation"] } as const;

export const sealedColumns = {
  pendingState: { table: "one_time", column: "sealed", key: "name", purpose: "store/pending-state", bound: ["name"] },
  familyGrant: { ...family, column: "sealed_grant", purpose: "store/family-grant" },
  familyAnswer: { ...family, column: "sealed_answer", purpose: "store/family-answer" },
  upstreamToken: {
    table: "upstream_revocations",
    column: "sealed_token",
    key: "id",
    purpose: "store/upstream-token",
    bound: ["id", "provider", "hint"],
  },
  signingKey: {
    table: "signing_keys",
    column: "sealed_key",
    key: "kid",
    purpose: "store/signing-key",
    // Its times too: whoever writes to the table must not make a key sign for longer.
    bound: ["kid", "algorithm", "seq", "announced_at", "activates_at"],
  },
  accountUser: {
    table: "accounts",
    column: "sealed_user",
    key: "id",
    purpose: "store/account-user",
    bound: ["id", "provider", "issuer", "provider_user_id"],
  },
  connectionGrant: { ...connection, column: "sealed_grant", purpose: "store/connection-grant" },
  connectionTokens: { ...connection, column: "sealed_tokens", purpose: "store/connection-tokens" },
} as const satisfies Record<string, SealedColumn>;

/** @param row at least the columns that `sealed` is bound to, with the values that stand in the database */
export function associatedData<B extends string>(
  sealed: { readonly table: string; readonly column: string; readonly bound: readonly B[] },
  row: { readonly [name in B]: string | number },
): readonly string[] {
  return [sealed.table, sealed.column, ...sealed.bound.map((name) => String(row[name]))];
}
