// A provider that speaks OAuth 2.0 and OpenID Connect by the book: authorization URL, codes, refresh tokens. Where its endpoints are:
// discovery.ts. Exchange and revocation of tokens: token-exchange.ts, revocation.ts. What its failures mean: upstream-errors.ts. Who
// may use it: the operations.

import { allowInsecureRequests, type ClientAuth, customFetch, genericTokenEndpointRequest } from "oauth4webapi";
import { ExchangeError, hasReason } from "../exchange/errors.ts";
import type { AuthorizationStart, Clock, CodeGrant, PreparedProvider, Provider, RefreshWish } from "../exchange/ports.ts";
import type { Secret } from "../exchange/secret.ts";
import type { TokenSet } from "../exchange/tokens.ts";
import type { HttpClient } from "../net/http-client.ts";
import { type ActingClients, actingAs } from "./acting-clients.ts";
import { clientAuthentication, type UpstreamClient } from "./client-authentication.ts";
import type { Discovery, ProviderMetadata } from "./discovery.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { readJsonAnswer } from "./json-answer.ts";
import { createRevocation } from "./revocation.ts";
import type { RefusalWords } from "./exchange-refusals.ts";
import { readTokenAnswer } from "./token-answer.ts";
import { createTokenExchange } from "./token-exchange.ts";
import { failureOfSpending, type OneTimeCredential, refusalOf } from "./upstream-errors.ts";

export interface OidcDeps {
  /** For calls that spend something one-time. */
  readonly http: HttpClient;
  /** For exchanges of tokens, which spend nothing. */
  readonly exchangeHttp: HttpClient;
  readonly clock: Clock;
  readonly discovery: Pick<Discovery, "metadata">;
  /** Returns once there are keys to check ID tokens with. @throws ExchangeError UPSTREAM_*, DEADLINE_EXCEEDED */
  readonly keysReady: (signal: AbortSignal) => Promise<void>;
  /** @throws ExchangeError GRANT_INVALID (another nonce), UPSTREAM_* */
  readonly verifyIdToken: (
    token: Secret,
    expected: { readonly nonce?: string },
    signal: AbortSignal,
  ) => Promise<{ readonly subject: string }>;
}

export interface OidcOptions {
  readonly name: string;
  readonly issuer: string;
  readonly client: UpstreamClient;
  readonly pkce: "S256" | "none";
  /** Some client may ask for `openid` here, so ID tokens come back. */
  readonly openid: boolean;
  /** Time for checking an ID token, should that need a fetch of keys. */
  readonly timeoutMs: number;
  readonly actingClients: ActingClients;
  /** By which parameter of an exchange the provider is told whom the new token is for. */
  readonly targetParameter: "audience" | "resource";
}

/** By the book a provider's descriptions are for people (RFC 6749 §5.2). */
const noWords: RefusalWords = { known: [] };

interface Spending {
  readonly credential: OneTimeCredential;
  readonly grantType: "authorization_code" | "refresh_token";
  readonly parameters: URLSearchParams;
  readonly nonce: string | undefined;
  /** By which registration. */
  readonly client: { readonly id: string; readonly authenticate: ClientAuth };
  readonly onSending?: (() => void) | undefined;
}

/** @param refusalWords what this kind of provider says by its descriptions */
export function createOidcProvider(deps: OidcDeps, options: OidcOptions, refusalWords: RefusalWords = noWords): Provider {
  const self = { id: options.client.id, authenticate: clientAuthentication(options.client) };
  const revoke = createRevocation(deps, options);
  const exchange = createTokenExchange({ http: deps.exchangeHttp, clock: deps.clock }, { ...options, refusalWords });

  async function prepare(signal: AbortSignal): Promise<PreparedProvider> {
    const metadata = await deps.discovery.metadata(signal);
    if (options.openid) await deps.keysReady(signal);
    return {
      authorizationUrl: (start) => authorizationUrl(metadata, options, start),
      redeemCode: (grant) => redeemCode(metadata, grant),
      refresh: (refreshToken, asked) => spend(metadata, refreshing(refreshToken, asked)),
      readUser: undefined,
      exchange: (request, limit) => exchange(metadata.tokenEndpoint, request, limit),
      revoke: revocationAt(metadata.revocationEndpoint),
    };
  }

  function revocationAt(endpoint: string | undefined): PreparedProvider["revoke"] {
    return endpoint === undefined ? undefined : (token, hint, signal) => revoke(endpoint, token, hint, signal);
  }

  async function redeemCode(metadata: ProviderMetadata, grant: CodeGrant): Promise<TokenSet> {
    if ((grant.codeVerifier === undefined) !== (options.pkce === "none"))
      throw new Error("a code verifier goes with PKCE, and only with it");
    const parameters = new URLSearchParams({ code: grant.code.reveal(), redirect_uri: grant.redirectUri });
    if (grant.codeVerifier !== undefined) parameters.set("code_verifier", grant.codeVerifier.reveal());
    for (const resource of grant.resources) parameters.append("resource", resource);
    return spend(metadata, { credential: "code", grantType: "authorization_code", parameters, nonce: grant.nonce, client: self });
  }

  function refreshing(refreshToken: Secret, { scopes, as, onSending }: RefreshWish): Spending {
    const parameters = new URLSearchParams({ refresh_token: refreshToken.reveal() });
    if (scopes.length > 0) parameters.set("scope", scopes.join(" "));
    const client = as === undefined ? self : actingAs(options.actingClients, as);
    return { credential: "refresh_token", grantType: "refresh_token", parameters, nonce: undefined, client, onSending };
  }

  async function spend(metadata: ProviderMetadata, spending: Spending): Promise<TokenSet> {
    // 1. Ask, once. `state` and `iss` of the authorization response were the operation's to check.
    const askedAtMs = deps.clock();
    const server = { issuer: options.issuer, token_endpoint: metadata.tokenEndpoint };
    const guarded = { [customFetch]: guardedFetch(deps.http, "token", spending.onSending), [allowInsecureRequests]: true } as const;
    const client = { client_id: spending.client.id };
    const response = await genericTokenEndpointRequest(
      server,
      client,
      spending.client.authenticate,
      spending.grantType,
      spending.parameters,
      guarded,
    ).catch((failure: unknown) => {
      throw failureOfSpending(failure);
    });

    // 2. Read the answer. From here on the credential is gone: nothing below may say that asking again is safe.
    const answer = await readJsonAnswer(response);
    if (response.status !== 200 || answer === undefined || "error" in answer)
      throw refusalOf(spending.credential, response, answer, deps.clock());
    const tokens = readTokenAnswer(answer, options.issuer, askedAtMs);
    if (tokens === undefined) throw refusalOf(spending.credential, response, undefined, deps.clock());

    // 3. An ID token for another registration is for nobody here; whose tokens these are, the access token says.
    if (spending.client !== self) return { ...tokens, idToken: undefined };

    // 4. Who signed in must be who the ID token says.
    const subject = await subjectOf(tokens.idToken, spending.nonce);
    return subject === undefined ? tokens : { ...tokens, subject };
  }

  async function subjectOf(idToken: Secret | undefined, nonce: string | undefined): Promise<string | undefined> {
    if (idToken === undefined) {
      // Without one nothing ties this code to the sign-in that the nonce was made for: it may be somebody else's.
      if (nonce !== undefined) throw new ExchangeError("GRANT_INVALID");
      return undefined;
    }
    try {
      const { subject } = await deps.verifyIdToken(idToken, nonce === undefined ? {} : { nonce }, AbortSignal.timeout(options.timeoutMs));
      return subject;
    } catch (failure) {
      if (hasReason(failure, "GRANT_INVALID")) throw failure;
      throw new ExchangeError("OUTCOME_UNKNOWN", { cause: failure });
    }
  }

  return {
    name: options.name,
    issuer: options.issuer,
    clientId: options.client.id,
    pkce: options.pkce,
    accounts: false,
    lostAnswer: "reauthenticate",
    prepare,
  };
}

function authorizationUrl(metadata: ProviderMetadata, options: OidcOptions, start: AuthorizationStart): string {
  if ((start.codeChallenge === undefined) !== (options.pkce === "none"))
    throw new Error("a code challenge goes with PKCE, and only with it");
  // The endpoint may have a query of its own, which stays (RFC 6749 §3.1).
  const url = new URL(metadata.authorizationEndpoint);
  const set = (name: string, value: string | undefined) => value !== undefined && url.searchParams.set(name, value);
  set("response_type", "code");
  set("client_id", options.client.id);
  set("redirect_uri", start.redirectUri);
  set("scope", start.scopes.length === 0 ? undefined : start.scopes.join(" "));
  set("state", start.state);
  set("code_challenge", start.codeChallenge);
  set("code_challenge_method", start.codeChallenge === undefined ? undefined : "S256");
  set("nonce", start.nonce);
  set("login_hint", start.loginHint);
  set("prompt", start.prompt);
  for (const resource of start.resources) url.searchParams.append("resource", resource);
  return url.href;
}
