// Refresh: a refresh token becomes fresh tokens (RFC 6749 §6). Refresh tokens may be single-use at the provider, so
// simultaneous calls with the same one share one upstream call, and a lost answer is never reported as safe to retry.

import type { Audiences, Client } from "./clients.ts";
import { ExchangeError } from "./errors.ts";
import { checkGranted } from "./granted.ts";
import { checkScopes } from "./narrowing.ts";
import { outcomeOf } from "./outcome.ts";
import type { PreparedProvider, Provider, RefreshGrant, RefreshHandles, SingleFlight } from "./ports.ts";
import { chooseProvider, type ProviderChoice } from "./provider-choice.ts";
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
  readonly audiences: Audiences;
  readonly handles: RefreshHandles;
  readonly flights: SingleFlight;
  /** An opaque key over a secret and what it is used for. */
  readonly fingerprint: (secret: Secret, purpose: string) => string;
}

export function createRefresh(deps: RefreshDeps) {
  return async function refresh(question: RefreshQuestion, signal: AbortSignal): Promise<TokenSet> {
    // 1. Find the grant: whose is it, and of which provider.
    const { provider, grant, refreshToken, subject } = findGrant(question);
    question.onProvider(provider.name);

    // 2. Never wider than what the client may have.
    checkScopes(grant, question.scopes);

    // 3. Everything that can fail without harm comes before anything is spent.
    const prepared = await provider.prepare(signal);
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

    // 4. Refresh upstream, once for everyone who asks with this token now. Nobody leaves that call: a repeat of one who stopped
    //    waiting joins it instead of presenting the token a second time.
    const key = deps.fingerprint(refreshToken, `refresh ${question.client.id} ${provider.name}`);
    const fresh = await outcomeOf(
      deps.flights(key, untilItsEnd, () => refreshUpstream(prepared, refreshToken, question.scopes)),
      signal,
    );

    // 5. What the provider granted is within what the client may have.
    checkGranted({ grant, audiences: deps.audiences, provider: provider.name }, fresh);
    checkSubject(subject, fresh);

    // 6. An answer without a refresh token leaves the old one in force (RFC 6749 §6).
    const tokens: TokenSet = { ...fresh, refreshToken: fresh.refreshToken ?? refreshToken, ...(subject === undefined ? {} : { subject }) };
    return sealRefreshToken(deps.handles, question.client, provider.name, tokens);
  };

  function findGrant(question: RefreshQuestion): ProviderChoice & Pick<RefreshGrant, "refreshToken" | "subject"> {
    const found = question.client.rawRefreshTokens ? undefined : opened(question);
    const choice = chooseProvider(deps.providers, question.client, found?.provider ?? question.provider);
    return { ...choice, refreshToken: found?.refreshToken ?? question.refreshToken, subject: found?.subject };
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

/** The result's subject is the input's subject (OpenID Connect Core §12.2); what was asked with is spent by now. */
function checkSubject(expected: string | undefined, fresh: TokenSet): void {
  const differs = expected !== undefined && fresh.subject !== undefined && fresh.subject !== expected;
  if (differs) throw new ExchangeError("OUTCOME_UNKNOWN");
}

const untilItsEnd = new AbortController().signal;

/** Says which scopes were asked for where the provider granted just those: who joined may have asked for others. */
async function refreshUpstream(prepared: PreparedProvider, refreshToken: Secret, scopes: readonly string[]): Promise<TokenSet> {
  const fresh = await prepared.refresh(refreshToken, scopes);
  return fresh.scopes === undefined && scopes.length > 0 ? { ...fresh, scopes } : fresh;
}
