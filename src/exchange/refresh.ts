// Refresh: a refresh token becomes fresh tokens (RFC 6749 §6). Refresh tokens may be single-use at the provider, so
// simultaneous calls with the same one share one upstream call, and a lost answer is never reported as safe to retry.

import type { Client, ProviderGrant } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import { checkScopes } from "./narrowing.ts";
import { outcomeOf } from "./outcome.ts";
import type { PreparedProvider, Provider, RefreshGrant, RefreshHandles, SingleFlight } from "./ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { sealRefreshToken } from "./refresh-token-custody.ts";
import type { Secret } from "./secret.ts";
import type { TokenSet } from "./tokens.ts";

export interface RefreshQuestion {
  readonly client: Client;
  /** Only for a provider's raw refresh token; empty: the client's only one. */
  readonly provider: string;
  readonly refreshToken: Secret;
  readonly scopes: readonly string[];
  /** Told which provider this is about, once that is known; for the log. */
  readonly onProvider: (name: string) => void;
}

export interface RefreshDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly handles: RefreshHandles;
  readonly flights: SingleFlight;
  /** An opaque key over a secret and what it is used for. */
  readonly fingerprint: (secret: Secret, purpose: string) => string;
}

export function createRefresh(deps: RefreshDeps) {
  return async function refresh(question: RefreshQuestion, signal: AbortSignal): Promise<TokenSet> {
    // 1. Find the grant: whose is it, and of which provider.
    const { provider, grant, refreshToken } = findGrant(question);
    question.onProvider(provider.name);

    // 2. Never wider than what the client may have.
    checkScopes(grant, question.scopes);

    // 3. Everything that can fail without harm comes before anything is spent.
    const prepared = await provider.prepare(signal);

    // 4. Refresh upstream, once for everyone who asks with this token now. Nobody leaves that call: a repeat of one who stopped
    //    waiting joins it instead of presenting the token a second time.
    const key = deps.fingerprint(refreshToken, `refresh ${question.client.id} ${provider.name}`);
    const fresh = await outcomeOf(
      deps.flights(key, untilItsEnd, () => refreshUpstream(prepared, refreshToken, question.scopes)),
      signal,
    );

    // 5. What the provider granted is within what the client may have.
    if (fresh.scopes !== undefined) checkScopes(grant, fresh.scopes);

    // 6. An answer without a refresh token leaves the old one in force (RFC 6749 §6).
    const tokens: TokenSet = { ...fresh, refreshToken: fresh.refreshToken ?? refreshToken };
    return sealRefreshToken(deps.handles, question.client, provider.name, tokens);
  };

  function findGrant(question: RefreshQuestion): { provider: Provider; grant: ProviderGrant; refreshToken: Secret } {
    const found = question.client.rawRefreshTokens ? undefined : opened(question);
    const choice = chooseProvider(deps.providers, question.client, found?.provider ?? question.provider);
    return { ...choice, refreshToken: found?.refreshToken ?? question.refreshToken };
  }

  /** A stranger's handle, a forged one and one of a lost key look alike. */
  function opened(question: RefreshQuestion): RefreshGrant {
    const grant = deps.handles.open(question.client.id, question.refreshToken);
    const named = question.provider === "" || question.provider === grant?.provider;
    if (grant === undefined || !named) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
    return grant;
  }
}

export type Refresh = ReturnType<typeof createRefresh>;

const untilItsEnd = new AbortController().signal;

/** Says which scopes were asked for where the provider granted just those: who joined may have asked for others. */
async function refreshUpstream(prepared: PreparedProvider, refreshToken: Secret, scopes: readonly string[]): Promise<TokenSet> {
  const fresh = await prepared.refresh(refreshToken, scopes);
  return fresh.scopes === undefined && scopes.length > 0 ? { ...fresh, scopes } : fresh;
}
