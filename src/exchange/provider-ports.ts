// A provider that speaks OAuth, as the core sees it: what is asked of it, and what it answers. Those that keep sessions are session-ports.ts.

import type { Account } from "./account.ts";
import type { TokenTypeHint } from "./ports.ts";
import type { Secret } from "./secret.ts";
import type { ExchangeSubject } from "./token-exchange-ports.ts";
import type { RefreshedTokens, TokenSet } from "./tokens.ts";

/** A sign-in that was begun (RFC 6749 §4.1.1). */
export interface AuthorizationStart {
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Values for `resource` (RFC 8707). */
  readonly resources: readonly string[];
  readonly state: string;
  /** S256; undefined where the provider is configured without PKCE. */
  readonly codeChallenge: string | undefined;
  readonly nonce: string | undefined;
  readonly loginHint: string | undefined;
  readonly prompt: string | undefined;
}

/** A code and its proof, ready for the provider (RFC 6749 §4.1.3). */
export interface CodeGrant {
  readonly code: Secret;
  readonly redirectUri: string;
  /** Undefined only where the provider is configured without PKCE. */
  readonly codeVerifier: Secret | undefined;
  readonly resources: readonly string[];
  /** Of the sign-in, for providers whose request carries it; empty: none. */
  readonly state: string;
  /** What the ID token's nonce must be; undefined: the client checks it. */
  readonly nonce: string | undefined;
}

/** providers/: what is different about one provider. The shared checks around these calls live in the operations. */
export interface Provider {
  readonly name: string;
  readonly issuer: string;
  /** This service's own registration there. */
  readonly clientId: string;
  readonly pkce: "S256" | "none";
  /** Its users become accounts here. */
  readonly accounts: boolean;
  /** What a refresh whose answer was lost means: the user signs in again, or the same refresh token may be shown once more. */
  readonly lostAnswer: "reauthenticate" | "retry_once";
  /**
   * Learns what the calls below need (discovery, keys) before anything one-time is spent.
   * @throws ExchangeError UPSTREAM_*: asking again is safe.
   */
  prepare(signal: AbortSignal): Promise<PreparedProvider>;
}

/** What is asked of a refresh. */
export interface RefreshWish {
  /** Empty: as granted. */
  readonly scopes: readonly string[];
  /** The audience by whose registration it was exchanged; absent: this service's own registration has it. */
  readonly as?: string | undefined;
  /** Called right before the first byte leaves; where it throws nothing is sent, and the call fails as one that was not. */
  readonly onSending?: (() => void) | undefined;
}

export interface PreparedProvider {
  authorizationUrl(start: AuthorizationStart): string;
  /** Redeems a code. Not abortable: once sent it runs to its end, within the provider's own time limit. */
  redeemCode(grant: CodeGrant): Promise<TokenSet>;
  /** Refreshes. Not abortable either: refresh tokens may be single-use. */
  refresh(refreshToken: Secret, asked: RefreshWish): Promise<RefreshedTokens>;
  /** Exchanges an access token for another one (RFC 8693). */
  readonly exchange: ExchangeSubject;
  /**
   * Tells the provider that a token has ended (RFC 7009). Undefined: it has no endpoint for that.
   * @throws ExchangeError UPSTREAM_*: telling it again is safe
   */
  readonly revoke: ((token: Secret, hint: TokenTypeHint, signal: AbortSignal) => Promise<void>) | undefined;
  /**
   * Whose an access token is, by the provider's word. Undefined: it has no endpoint for that.
   * @throws ExchangeError TOKEN_INVALID (the provider refuses the token: it must not be shown there again), UPSTREAM_*,
   *   DEADLINE_EXCEEDED
   */
  readonly readUser: ((accessToken: Secret, signal: AbortSignal) => Promise<Account>) | undefined;
}
