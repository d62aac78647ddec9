// A provider that speaks OAuth 2.0, as its definition says: authorization URL, codes, refresh tokens, and whose they are. Where its
// endpoints are: discovery.ts. Exchange and revocation of tokens: token-exchange.ts, revocation.ts. What its failures mean:
// upstream-errors.ts, token-refusals.ts. Who may use it: the operations.

import type { Account } from "../exchange/account.ts";
import { ExchangeError, hasReason } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { CodeGrant, PreparedProvider, Provider, RefreshWish } from "../exchange/provider-ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { RefreshedTokens, TokenSet } from "../exchange/tokens.ts";
import type { HttpClient } from "../net/http-client.ts";
import { type ActingClients, actingAs } from "./acting-clients.ts";
import { authorizationUrl } from "./authorization-url.ts";
import { clientAuthentication, type UpstreamClient } from "./client-authentication.ts";
import type { ProviderDefinition } from "./definition.ts";
import type { Discovery, ProviderMetadata } from "./discovery.ts";
import { type JsonAnswer, readJsonAnswer } from "./json-answer.ts";
import { createRevocation } from "./revocation.ts";
import { type Answered, readRefreshAnswer, readTokenAnswer } from "./token-answer.ts";
import { createTokenExchange } from "./token-exchange.ts";
import { createRefusalReading, type OneTimeCredential } from "./token-refusals.ts";
import { createTokenRequest, type TokenRequest } from "./token-request.ts";
import { createUserEndpoint } from "./user-endpoint.ts";

/** Who signed in, by an ID token that was verified. */
export interface SignedIn {
  readonly subject: string;
  readonly user: Account;
}

export interface IdTokens {
  /** Returns once there are keys to check them with. @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** @throws ExchangeError GRANT_INVALID (another nonce), UPSTREAM_* */
  readonly verify: (token: Secret, expected: { readonly nonce?: string }, signal: AbortSignal) => Promise<SignedIn>;
}

export interface OAuthDeps {
  /** For calls that spend something one-time. */
  readonly http: HttpClient;
  /** For exchanges of tokens and questions about users, which spend nothing. */
  readonly exchangeHttp: HttpClient;
  readonly clock: Clock;
  readonly discovery: Pick<Discovery, "metadata">;
  /** Undefined: the provider has no keys, so its ID tokens are nobody's word. */
  readonly idTokens: IdTokens | undefined;
}

export interface OAuthOptions {
  readonly name: string;
  readonly issuer: string;
  readonly client: UpstreamClient;
  readonly definition: ProviderDefinition;
  /** Some client may ask for `openid` here, so ID tokens come back. */
  readonly openid: boolean;
  /** Time for checking an ID token, should that need a fetch of keys. */
  readonly timeoutMs: number;
  readonly actingClients: ActingClients;
}

interface Spending<T> extends TokenRequest {
  readonly credential: OneTimeCredential;
  readonly read: (answer: JsonAnswer, at: Answered, reading: ProviderDefinition["answers"]) => T | undefined;
  readonly nonce: string | undefined;
}

export function createOAuthProvider(deps: OAuthDeps, options: OAuthOptions): Provider {
  const { issuer, client, definition, actingClients } = options;
  const { pkce, requests, user, targetParameter, refusalWords } = definition;
  const self = { id: client.id, authenticate: clientAuthentication(client) };
  const shared = { http: deps.exchangeHttp, clock: deps.clock };
  const send = createTokenRequest(deps.http, issuer);
  const revoke = createRevocation(deps, { issuer, client, format: requests.revocation });
  const exchange = createTokenExchange(shared, { issuer, actingClients, targetParameter, refusalWords });
  const readUser = user.kind === "endpoint" ? createUserEndpoint(shared, user.reading) : undefined;
  const refusalOf = createRefusalReading(definition);

  async function prepare(signal: AbortSignal): Promise<PreparedProvider> {
    const metadata = await deps.discovery.metadata(signal);
    if (options.openid) await deps.idTokens?.ready(signal);
    const { authorizationEndpoint: endpoint, revocationEndpoint, userEndpoint } = metadata;
    return {
      authorizationUrl: (start) =>
        authorizationUrl({ endpoint, clientId: client.id, pkce, further: definition.authorizationParameters }, start),
      redeemCode: (grant) => redeemCode(metadata, grant),
      refresh: (refreshToken, asked) => spend(metadata, refreshing(refreshToken, asked)),
      exchange: (request, limit) => exchange(metadata.tokenEndpoint, request, limit),
      revoke: revocationEndpoint === undefined ? undefined : (token, hint, limit) => revoke(revocationEndpoint, token, hint, limit),
      readUser: readUser === undefined || userEndpoint === undefined ? undefined : (token, limit) => readUser(userEndpoint, token, limit),
    };
  }

  async function redeemCode(metadata: ProviderMetadata, grant: CodeGrant): Promise<TokenSet> {
    if ((grant.codeVerifier === undefined) !== (pkce === "none")) throw new Error("a code verifier goes with PKCE, and only with it");
    const parameters = new URLSearchParams({ code: grant.code.reveal(), redirect_uri: grant.redirectUri });
    if (grant.codeVerifier !== undefined) parameters.set("code_verifier", grant.codeVerifier.reveal());
    if (definition.codeState && grant.state !== "") parameters.set("state", grant.state);
    for (const resource of grant.resources) parameters.append("resource", resource);
    const request = { grantType: "authorization_code", parameters, format: requests.code, client: self } as const;
    return spend(metadata, { ...request, credential: "code", read: readTokenAnswer, nonce: grant.nonce });
  }

  function refreshing(refreshToken: Secret, { scopes, as, onSending }: RefreshWish): Spending<RefreshedTokens> {
    const parameters = new URLSearchParams({ refresh_token: refreshToken.reveal() });
    if (scopes.length > 0) parameters.set("scope", scopes.join(" "));
    const asking = as === undefined ? self : actingAs(actingClients, as);
    const request = { grantType: "refresh_token", parameters, format: requests.refresh, client: asking, onSending } as const;
    return { ...request, credential: "refresh_token", read: readRefreshAnswer, nonce: undefined };
  }

  async function spend<T extends RefreshedTokens>(metadata: ProviderMetadata, spending: Spending<T>): Promise<T> {
    // 1. Ask, once. `state` and `iss` of the authorization response were the operation's to check.
    const { credential } = spending;
    const askedAtMs = deps.clock();
    const response = await send(metadata.tokenEndpoint, spending);

    // 2. Read the answer. From here on the credential is gone: nothing below may say that asking again is safe.
    const answer = await readJsonAnswer(response);
    const nowMs = deps.clock();
    if (response.status !== 200 || answer === undefined || "error" in answer) throw refusalOf({ credential, response, answer, nowMs });
    const tokens = spending.read(answer, { issuer, askedAtMs }, definition.answers);
    if (tokens === undefined) throw refusalOf({ credential, response, answer: undefined, nowMs });

    // 3. An ID token for another registration is for nobody here; whose tokens these are, the access token says. One that nobody can
    //    verify is nobody's word.
    const idToken = spending.client === self && deps.idTokens !== undefined ? tokens.idToken : undefined;

    // 4. Who signed in must be who the ID token says.
    const signedIn = await signedInBy(idToken, spending);
    if (signedIn === undefined) return { ...tokens, idToken };
    if (signedIn === "unknown") return { ...tokens, idToken: undefined };
    return { ...tokens, idToken, subject: signedIn.subject, ...(user.kind === "id_token" ? { user: signedIn.user } : {}) };
  }

  async function signedInBy(
    idToken: Secret | undefined,
    { nonce, credential }: Pick<Spending<RefreshedTokens>, "nonce" | "credential">,
  ): Promise<SignedIn | "unknown" | undefined> {
    if (idToken === undefined || deps.idTokens === undefined) {
      // Without one nothing ties this code to the sign-in that the nonce was made for: it may be somebody else's.
      if (nonce !== undefined) throw new ExchangeError("GRANT_INVALID");
      return undefined;
    }
    try {
      return await deps.idTokens.verify(idToken, nonce === undefined ? {} : { nonce }, AbortSignal.timeout(options.timeoutMs));
    } catch (failure) {
      if (hasReason(failure, "GRANT_INVALID")) throw failure;
      // A refresh need not come with one (OpenID Connect Core §12.2): keys that cannot be had now must not cost the user the new tokens.
      if (credential === "refresh_token" && !hasReason(failure, "UPSTREAM_INVALID_RESPONSE")) return "unknown";
      throw new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
    }
  }

  const { accounts, refresh } = definition;
  return { name: options.name, issuer, clientId: client.id, pkce, accounts, lostAnswer: refresh.lostAnswer, prepare };
}
