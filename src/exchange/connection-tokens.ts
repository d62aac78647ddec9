// Tokens of a connection, as they are kept or refreshed at its provider. Who may ask is decided before; here stands what happens if the
// provider has to be asked: everything that can fail without harm first, and what counts against whom.

import { ExchangeError, hasReason } from "./errors.ts";
import type { FailureBudget, ProviderPlaces } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Trail } from "./trail.ts";
import type { Connection, LiveTokens, SendRefresh } from "./vault-ports.ts";
import { waitFor } from "./waiting.ts";

export interface ConnectionTokensDeps {
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
}

export interface TokensWish {
  readonly connection: Connection;
  /** Its own. */
  readonly provider: Provider;
  /** Empty: as granted. */
  readonly scopes: readonly string[];
  /** See Wish. */
  readonly beyond: number | undefined;
  readonly trail: Trail;
}

export function createConnectionTokens({ budget, places }: ConnectionTokensDeps) {
  /**
   * Whoever leaves loses nothing: what the provider answers is kept, and is there for the next one who asks.
   * @throws ExchangeError as Connection.tokens; RATE_LIMITED, UPSTREAM_*, DEADLINE_EXCEEDED
   */
  return async function tokensOf(wish: TokensWish, signal: AbortSignal): Promise<LiveTokens> {
    const { connection, provider, beyond } = wish;
    const asked = { issuer: provider.issuer, beyond, send: sending(wish, signal), lostAnswer: provider.lostAnswer };
    return waitFor(connection.tokens(asked, signal), signal);
  };

  function sending({ connection, provider, scopes, trail }: TokensWish, signal: AbortSignal): SendRefresh {
    return async (refreshToken, onSending) => {
      budget.check(trail.payer, provider.name);
      using _ = places.enter(provider.name);
      const prepared = await provider.prepare(signal);
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
      const wanted = { scopes, as: connection.terms?.as, onSending };
      const fresh = await prepared.refresh(refreshToken, wanted).catch((failure: unknown) => {
        if (hasReason(failure, "REAUTHENTICATION_REQUIRED") || risksBan(failure)) budget.spend(trail.payer, provider.name);
        throw failure;
      });
      // Says which scopes were asked for where the provider granted just those: who joined may have asked for others.
      return fresh.scopes === undefined && scopes.length > 0 ? { ...fresh, scopes } : fresh;
    };
  }
}

export type ConnectionTokens = ReturnType<typeof createConnectionTokens>;
