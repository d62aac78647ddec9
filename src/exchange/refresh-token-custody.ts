// Who may hold a provider's refresh token as it is, and what everyone else gets in its place once one was issued. With a database the
// token itself is kept as a connection, and the handle stands for that.

import type { Client } from "./clients.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import type { Secret } from "./secret.ts";
import type { ConnectionIssue, TokenSet } from "./tokens.ts";
import type { Connections } from "./vault-ports.ts";

/** Lets secret scanners and readers tell what leaked. */
export const handlePrefix = "cambio_rt_";

/** Whether it has a handle's form; whose it is, and whether it is one at all, only its maker can say. */
export function isHandle(token: Secret): boolean {
  return token.reveal().startsWith(handlePrefix);
}

export interface Custody {
  readonly handles: Pick<RefreshHandles, "issue">;
  /** Undefined: nothing is kept. */
  readonly connections: Pick<Connections, "keep"> | undefined;
}

export interface Holder {
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  /** Absent: nobody's account is known. */
  readonly accountId?: string | undefined;
  /** What the client is answered with in place of the provider's tokens. Absent: with those. */
  readonly minted?: { readonly issue: ConnectionIssue; readonly tokens: TokenSet } | undefined;
}

/**
 * Public clients hold handles: with a provider's raw token Cambio would answer for whoever stole one.
 * @param tokens as they came, with the provider's refresh token, or with the session that stands behind them
 * @returns what the client is handed
 * @throws ExchangeError OUTCOME_UNKNOWN: no handle could be made, and what was asked with may be spent; STORE_UNAVAILABLE: it was not
 */
export async function keepRefreshToken(custody: Custody, holder: Holder, tokens: TokenSet): Promise<TokenSet> {
  const { refreshToken } = tokens;
  const answer = holder.minted?.tokens ?? tokens;
  if (refreshToken === undefined || mayHoldRaw(holder, tokens)) return answer;
  const handle = await issueHandle(custody, holder, { ...tokens, refreshToken }).catch((failure: unknown) => {
    // Asking again is not safe where a code was spent, whatever the store says of itself; a session may be read again.
    throw hasReason(failure, "STORE_UNAVAILABLE") && tokens.minted === undefined
      ? new ExchangeError("OUTCOME_UNKNOWN", { cause: failure })
      : failure;
  });
  return { ...answer, refreshToken: handle };
}

/** What came out of an exchange is refreshed by another registration or by a session, under terms: nobody could use it raw. */
function mayHoldRaw({ client, minted }: Holder, tokens: TokenSet): boolean {
  return client.rawRefreshTokens && minted === undefined && tokens.terms === undefined && tokens.minted === undefined;
}

async function issueHandle({ handles, connections }: Custody, holder: Holder, tokens: TokenSet & { readonly refreshToken: Secret }) {
  const { client, provider, accountId, minted } = holder;
  if (connections === undefined || tokens.minted !== undefined) return handles.issue(client.id, provider, tokens);
  const connection = await connections.keep({ clientId: client.id, provider, accountId, byId: false, tokens, issue: minted?.issue });
  return handles.issue(client.id, provider, { ...(minted?.tokens ?? tokens), refreshToken: undefined, connection });
}
