// What a client holds instead of a provider's refresh token, as the core sees it: handles that are issued, found and rotated, or found
// and ended.

import type { Secret } from "./secret.ts";
import type { ConnectionPointer, MintedTerms, TokenSet } from "./tokens.ts";

/** A refresh handle that was found, as what it stands for. Between finding it and rotating it nothing is spent. */
export type HeldGrant = HeldToken | HeldSession | HeldConnection;

/** A provider's refresh token that is kept nowhere: the handle itself is all there is of it, or its client holds it as it is. */
export interface HeldToken {
  readonly kind: "token";
  readonly provider: string;
  /** Who signed in, where an ID token said so. */
  readonly subject?: string | undefined;
  /** When that was, in seconds since the epoch; no refresh changes it. Not known: 0. */
  readonly issuedAt: number;
  /**
   * Gives the refresh token to `send`, as often as this is called: nobody here knows who else has it.
   * @returns the fresh tokens, with what takes this one's place in `refreshToken`
   * @throws what `send` throws; ExchangeError OUTCOME_UNKNOWN
   */
  rotate(send: (refreshToken: Secret) => Promise<TokenSet>): Promise<TokenSet>;
}

/** A session at its origin, which may be read any number of times. */
export interface HeldSession {
  readonly kind: "session";
  readonly provider: string;
  /** Whose it was. */
  readonly subject: string | undefined;
  readonly minted: MintedTerms;
  /**
   * Gives the session to `renew` and keeps what comes back. Whoever comes second is told what was answered to whoever was first, where
   * `renew` would still grant as much.
   * @param renew when it throws REAUTHENTICATION_REQUIRED the handle is over
   * @returns tokens, with the successor of the handle in `refreshToken`
   * @throws what `renew` throws; ExchangeError REAUTHENTICATION_REQUIRED, STORE_UNAVAILABLE, RATE_LIMITED
   */
  rotate(renew: (session: Secret) => Promise<TokenSet>, signal: AbortSignal): Promise<TokenSet>;
}

/** A connection: a provider's tokens that are kept apart from the handle (vault-ports.ts). */
export interface HeldConnection {
  readonly kind: "connection";
  readonly provider: string;
  /** Of the connection. */
  readonly id: string;
  /**
   * Asks `renew` for what follows on what the handle's holder was given, and keeps how far that is. It may be asked by several at a time
   * and more than once; whoever comes second gets the tokens of whoever was first.
   * @param renew is told the generation of the tokens that were handed out last; when it throws REAUTHENTICATION_REQUIRED the handle is over
   * @returns its tokens, with the successor of the handle in `refreshToken`
   * @throws what `renew` throws; ExchangeError REAUTHENTICATION_REQUIRED, STORE_UNAVAILABLE, RATE_LIMITED
   */
  rotate(renew: (beyond: number) => Promise<FollowedTokens>, signal: AbortSignal): Promise<TokenSet>;
}

/** Tokens of a connection, or made from them, and what is known by now of that connection. */
export type FollowedTokens = TokenSet & { readonly connection: ConnectionPointer };

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

/** What a handle is to stand for: a connection, or the refresh token in it, which is a session where they are minted. */
export type HeldTokens = TokenSet &
  (
    | { readonly refreshToken: Secret; readonly connection?: undefined }
    | { readonly refreshToken: undefined; readonly connection: ConnectionPointer }
  );

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
