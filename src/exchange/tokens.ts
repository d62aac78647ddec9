// Tokens as a provider hands them out, after its answer was checked.

import type { Account } from "./account.ts";
import type { Actor } from "./claims.ts";
import type { Secret } from "./secret.ts";
import type { ShownSession } from "./session-ports.ts";

export const tokenTypes = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  refreshToken: "urn:ietf:params:oauth:token-type:refresh_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
} as const;

/** What came out of an exchange at its provider (RFC 8693), and what every refresh of it stays within. */
export interface ExchangeTerms {
  /** Configured name of the audience by whose registration at the provider it was asked (`exchange_as`), and is refreshed. */
  readonly as: string;
  /** Configured names: whom the tokens are for. */
  readonly audiences: readonly string[];
  /** The client that the subject token was issued to. */
  readonly origin: string;
  /** Values of `aud` of the subject token. */
  readonly meantFor: readonly string[];
  /** Those of the subject token: none beyond them is ever granted. */
  readonly scopes: readonly string[];
  /** Those of the subject token, outermost first: none of them is ever lost. */
  readonly actors: readonly Actor[];
}

/** What a handle stands for whose tokens this service issues itself: a session, and what every renewal stays within. */
export interface MintedTerms {
  /** Configured name. */
  readonly audience: string;
  /** Those that were granted: none beyond them is ever granted. */
  readonly scopes: readonly string[];
  /** How the session was shown. */
  readonly from: ShownSession["from"];
}

/** By what a client is answered whose sign-in is kept, where that is not the provider's own token. */
export interface ConnectionIssue {
  /** Configured name. */
  readonly audience: string;
  /** Those that were granted: none beyond them is ever granted. */
  readonly scopes: readonly string[];
}

/** Where in a connection somebody is who holds a handle for it. */
export interface ConnectionPointer {
  readonly id: string;
  /** Of the tokens that were handed out last. */
  readonly generation: number;
}

/** What came out of a refresh. Some providers name only what changed: a token that is not there stays what it was. */
export interface RefreshedTokens {
  readonly accessToken: Secret | undefined;
  /** As the provider spells it, `Bearer` as a rule. */
  readonly tokenType: string;
  /** Epoch milliseconds; undefined: the provider does not say. */
  readonly expiresAtMs: number | undefined;
  readonly refreshToken: Secret | undefined;
  readonly idToken: Secret | undefined;
  /** Undefined: the provider does not say, so it granted what was asked for (RFC 6749 §5.1). */
  readonly scopes: readonly string[] | undefined;
  readonly issuer: string;
  /** Who signed in, from the verified ID token; absent: there was none. */
  readonly subject?: string;
  /** What the same ID token says of them; absent: there was none, or the provider says it elsewhere. */
  readonly user?: Account;
  /** Absent: they did not come out of an exchange with a refresh token. */
  readonly terms?: ExchangeTerms;
  /** True: this service issued the access token. Absent: a provider did. */
  readonly ours?: true;
  /** Absent: no session stands behind them. The refresh token beside it is that session. */
  readonly minted?: MintedTerms;
}

export interface TokenSet extends RefreshedTokens {
  readonly accessToken: Secret;
}
