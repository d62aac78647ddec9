// Who may hold a provider's refresh token as it is, and what everyone else gets in its place once one was issued.

import type { Client } from "./clients.ts";
import { ExchangeError, hasReason } from "./errors.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import type { Secret } from "./secret.ts";
import type { TokenSet } from "./tokens.ts";

/** Lets secret scanners and readers tell what leaked. */
export const handlePrefix = "cambio_rt_";

/** Whether it has a handle's form; whose it is, and whether it is one at all, only its maker can say. */
export function isHandle(token: Secret): boolean {
  return token.reveal().startsWith(handlePrefix);
}

export interface Keeper {
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
}

/**
 * Public clients hold handles: with a provider's raw token Cambio would answer for whoever stole one.
 * @throws ExchangeError OUTCOME_UNKNOWN: no handle could be made, and what was asked with may be spent; STORE_UNAVAILABLE: it was not
 */
export async function keepRefreshToken(
  handles: Pick<RefreshHandles, "issue">,
  { client, provider }: Keeper,
  tokens: TokenSet,
): Promise<TokenSet> {
  const { refreshToken } = tokens;
  // What came out of an exchange is refreshed by another registration or by a session, under terms: nobody could use it raw.
  if (refreshToken === undefined || (client.rawRefreshTokens && tokens.terms === undefined && tokens.minted === undefined)) return tokens;
  const handle = await handles.issue(client.id, provider, { ...tokens, refreshToken }).catch((failure: unknown) => {
    // Asking again is not safe where a code was spent, whatever the store says of itself; a session may be read again.
    throw hasReason(failure, "STORE_UNAVAILABLE") && tokens.minted === undefined
      ? new ExchangeError("OUTCOME_UNKNOWN", { cause: failure })
      : failure;
  });
  return { ...tokens, refreshToken: handle };
}
