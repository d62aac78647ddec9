// What a client holds instead of a provider's refresh token, as the core sees it: handles that are issued, found and rotated, or found
// and ended.

import type { Secret } from "./secret.ts";
import type { ConnectionPointer, ExchangeTerms, MintedTerms, TokenSet } from "./tokens.ts";

/** Tokens of a connection, or made from them, and what is known by now of that connection. */
export type FollowedTokens = TokenSet & { readonly connection: ConnectionPointer };

/** What a handle stands for that is kept apart from it (vault-ports.ts). */
export interface HeldConnection {
  readonly id: string;
  /**
   * Asks `renew` for what follows on what the handle's holder was given, and keeps how far that is. It may be asked by several at a time
   * and more than once; whoever comes second gets the tokens of whoever was first.
   * @param renew is told the generation of the tokens that were handed out last; when it throws REAUTHENTICATION_REQUIRED the handle is over
   * @returns its tokens, with the successor of the handle in `refreshToken`
   * @throws what `renew` throws; ExchangeError REAUTHENTICATION_REQUIRED, STORE_UNAVAILABLE
   */
  rotate(renew: (beyond: number) => Promise<FollowedTokens>, signal: AbortSignal): Promise<TokenSet>;
}

/**
 * A refresh handle that was found: whose refresh token it stands for. Between finding it and rotating it nothing is spent.
 */
export interface HeldGrant {
  readonly provider: string;
  /** Who signed in, where an ID token said so. */
  readonly subject?: string | undefined;
  /** When that was, in seconds since the epoch; no refresh changes it. Not known: 0. */
  readonly issuedAt: number;
  /** Absent: it did not come out of an exchange. */
  readonly terms?: ExchangeTerms | undefined;
  /** Absent: what it stands for is a provider's refresh token. Else it is a session, which `send` may be given any number of times. */
  readonly minted?: MintedTerms | undefined;
  /** Absent: the refresh token or the session is kept with the handle. Else this is rotated, and the handle itself holds nothing. */
  readonly connection?: HeldConnection | undefined;
  /**
   * Gives the provider's refresh token to `send` and keeps what comes back. With a database `send` runs at most once for one
   * generation of the handle, across replicas: whoever comes second waits for the outcome of the first and gets the same tokens.
   * Not abortable once sent; `signal` only ends waiting for others.
   * @returns the fresh tokens, with the successor of this handle in `refreshToken`
   * @throws what `send` throws; ExchangeError REAUTHENTICATION_REQUIRED, STORE_UNAVAILABLE, OUTCOME_UNKNOWN
   */
  rotate(send: (refreshToken: Secret) => Promise<TokenSet>, signal: AbortSignal): Promise<TokenSet>;
}

/** A handle that was found in order to be ended, be it one that was replaced or has ended already. Nothing ends by finding it. */
export interface EndableGrant {
  readonly provider: string;
  /** Who signed in, where an ID token said so. */
  readonly subject?: string | undefined;
  /** False: nothing is stored of it, so it ends where its provider hears of it, and nowhere else. */
  readonly stored: boolean;
  /**
   * Ends it here, and all of its family, and the connection that it stands for.
   * @returns the refresh token that its provider has to hear of; undefined: it is gone
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  end(): Promise<Secret | undefined>;
}

/** What a handle is to stand for: the refresh token in it, or a connection. */
export type HeldTokens = TokenSet &
  ({ readonly refreshToken: Secret } | { readonly refreshToken: undefined; readonly connection: ConnectionPointer });

/** cache/ (sealed, stateless) and store/ (families that rotate): what a client holds instead of a provider's refresh token. */
export interface RefreshHandles {
  /** @throws ExchangeError STORE_UNAVAILABLE */
  issue(clientId: string, provider: string, tokens: HeldTokens): Promise<Secret>;
  /**
   * Undefined: not a handle, forged, ended, or another client's. One answer for all of these.
   * @throws ExchangeError REAUTHENTICATION_REQUIRED with the circumstance that a replaced handle was used again;
   *   STORE_UNAVAILABLE
   */
  find(clientId: string, handle: Secret): Promise<HeldGrant | undefined>;
  /**
   * Raises no alarm: whoever shows a replaced handle here ends its family by that. Undefined: not a handle, forged, gone, or another
   * client's.
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  findToEnd(clientId: string, handle: Secret): Promise<EndableGrant | undefined>;
}
