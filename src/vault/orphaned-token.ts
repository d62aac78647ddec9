// A refresh token that came for a connection which was revoked while its provider answered. Whoever revoked it had only the one before to
// tell of, which was spent by then: the provider hears of this one as well, or it would stay good there with nobody who knows.

import type { Secret } from "../exchange/secret.ts";
import { type ConnectionRow, readConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { type ConnectionGrant, tokenToTell } from "./connection-grant.ts";

export interface OrphanDeps {
  readonly database: Database;
  /** Whom tokens of that provider are shown to; undefined: it is not configured. */
  readonly issuerOf: (provider: string) => string | undefined;
  /** Tells that provider, in its own time. */
  readonly tell: (provider: string, refreshToken: Secret) => Promise<unknown>;
}

export type TellOrphan = (row: ConnectionRow, grant: ConnectionGrant) => Promise<void>;

/** Never throws: nobody who could do anything about it is there. */
export function createTellOrphan({ database, issuerOf, tell }: OrphanDeps): TellOrphan {
  return async ({ id, provider }, grant) => {
    // Out of an exchange it belongs to another registration, and a provider ends it for no other (RFC 7009 §2.1).
    const token = grant.terms === undefined ? tokenToTell(grant, issuerOf(provider)) : undefined;
    if (token === undefined) return;
    const now = await readConnection(database, id).catch(() => undefined);
    if (now?.ended_reason === "revoked") await tell(provider, token).catch(() => undefined);
  };
}
