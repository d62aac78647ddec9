// Who may hold a provider's refresh token as it is. Exchange and Refresh end with the same answer to that.

import type { Client } from "./clients.ts";
import type { RefreshHandles } from "./ports.ts";
import type { TokenSet } from "./tokens.ts";

/** Public clients hold handles: with a provider's raw token Cambio would answer for whoever stole one. */
export function sealRefreshToken(handles: RefreshHandles, client: Client, provider: string, tokens: TokenSet): TokenSet {
  if (tokens.refreshToken === undefined || client.rawRefreshTokens) return tokens;
  return { ...tokens, refreshToken: handles.seal(client.id, { provider, refreshToken: tokens.refreshToken, subject: tokens.subject }) };
}
