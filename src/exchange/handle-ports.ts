// What a client holds instead of a provider's refresh token, as the core sees it: handles that are issued, found and rotated, or found
// and ended.

import type { Secret } from "./secret.ts";
import type { ExchangeTerms, MintedTerms, TokenSet } from "./tokens.ts";

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
   * Ends it here, and all of its family.
   * @returns the refresh token that its provider has to hear of; undefined: it is gone
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  end(): Promise<Secret | undefined>;
}

/** cache/ (sealed, stateless) and store/ (families that rotate): what a client holds instead of a provider's refresh token. */
export interface RefreshHandles {
  /** @returns the handle for the refresh token in `tokens`. @throws ExchangeError STORE_UNAVAILABLE */
  issue(clientId: string, provider: string, tokens: TokenSet & { readonly refreshToken: Secret }): Promise<Secret>;
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
