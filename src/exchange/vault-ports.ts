// What is kept of sign-ins, as the core sees it: accounts, and connections, which are a provider's tokens for one of its users. vault/
// keeps them over the database; without one nothing is kept.

import type { Account } from "./account.ts";
import type { Provider } from "./provider-ports.ts";
import type { Secret } from "./secret.ts";
import type { ConnectionIssue, ExchangeTerms, RefreshedTokens, TokenSet } from "./tokens.ts";

/** Somebody who has signed in at a provider. */
export interface KeptAccount {
  /** Given here, random; it never changes. */
  readonly id: string;
  /** Configured name. */
  readonly provider: string;
  /** Who had that name when it was made. */
  readonly issuer: string;
  /** As the provider said it last. */
  readonly user: Account;
  /** Refused on every path. */
  readonly disabled: boolean;
}

/** Whose users are meant. A name may be given to another issuer, where the same user id is somebody else's. */
export type AccountsProvider = Pick<Provider, "name" | "issuer">;

/** All methods throw ExchangeError STORE_UNAVAILABLE, also about an account that does not open: whose it is nobody knows. */
export interface Accounts {
  /** Somebody has signed in: created or brought up to date, by provider, issuer and its own id of the user, and nothing else. */
  signedIn(provider: AccountsProvider, user: Account): Promise<KeptAccount>;
  /** Its provider's name may be another issuer's by now. */
  find(id: string): Promise<KeptAccount | undefined>;
  findByUser(provider: AccountsProvider, providerUserId: string): Promise<KeptAccount | undefined>;
}

/** A sign-in that is kept. */
export interface Keeping {
  readonly clientId: string;
  /** Configured name. */
  readonly provider: string;
  /** Undefined: nobody's account is known. */
  readonly accountId: string | undefined;
  /** True: by its id, one for each client and account. False: only a refresh handle stands for it. */
  readonly byId: boolean;
  readonly tokens: TokenSet;
  /** What its client is answered by; undefined: the provider's tokens. */
  readonly issue: ConnectionIssue | undefined;
}

/**
 * Asks the provider for fresh tokens.
 * @param onSending called right before the first byte leaves; where it throws nothing is sent
 */
export type SendRefresh = (refreshToken: Secret, onSending: () => void) => Promise<RefreshedTokens>;

export interface LiveTokens {
  /** The refresh token in it is the provider's own: nobody outside is shown it. */
  readonly tokens: TokenSet;
  readonly generation: number;
}

export interface Wish {
  /** Whom `send` asks. What another issuer gave is not shown to it, nor answered as its. */
  readonly issuer: string;
  /** Only tokens of a later generation will do. Undefined: those that are kept, while they last. */
  readonly beyond: number | undefined;
  readonly send: SendRefresh;
  /** Whether a refresh whose answer was lost may be tried once more. */
  readonly lostAnswer: "reauthenticate" | "retry_once";
}

/** A connection that was found. */
export interface Connection {
  readonly id: string;
  /** Whose sign-in it was. */
  readonly clientId: string;
  readonly provider: string;
  readonly accountId: string | undefined;
  /** Who signed in, where an ID token said so. */
  readonly subject: string | undefined;
  /** When that was, in seconds since the epoch; no refresh changes it. */
  readonly startedAt: number;
  readonly terms: ExchangeTerms | undefined;
  readonly issue: ConnectionIssue | undefined;
  /** Of the tokens, when it was found. */
  readonly generation: number;
  /**
   * Its tokens, refreshed where that is needed: at most once for one generation, across replicas and crashes. Whoever comes second gets
   * what the first one was answered. Not abortable once sent; `signal` only ends waiting for others.
   * @throws what `send` throws; ExchangeError REAUTHENTICATION_REQUIRED, UPSTREAM_UNAVAILABLE (an earlier refresh is in doubt and will be
   *   resolved), STORE_UNAVAILABLE, OUTCOME_UNKNOWN
   */
  tokens(wish: Wish, signal: AbortSignal): Promise<LiveTokens>;
  /**
   * Ends it; one that has ended already stays as it is.
   * @returns the refresh token that its provider has to hear of; undefined: there is none, or it was told, or whoever has that name by now
   *   did not give it
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  end(reason: ConnectionEnd): Promise<Secret | undefined>;
}

/**
 * revoked: by its client, its user or an operator. rejected: its provider refuses its tokens. in_doubt: its refresh token may be spent,
 * and what came of that is not known.
 */
export type ConnectionEnd = "revoked" | "rejected" | "in_doubt";

/** All methods throw ExchangeError STORE_UNAVAILABLE. */
export interface Connections {
  /**
   * Keeps a sign-in. With `byId` what the same client kept for the same account is replaced, under the same id; the provider's older
   * tokens are forgotten, and not ended there: some end the whole authorization by that.
   */
  keep(keeping: Keeping): Promise<{ readonly id: string; readonly generation: number }>;
  /** One that is kept by its id. Undefined: unknown, or revoked. One that needs its user again is found, and has no tokens. */
  find(id: string): Promise<Connection | undefined>;
  /** One that a refresh handle stands for. Undefined: unknown. One that has ended is found, and has no tokens. */
  findOfHandle(id: string): Promise<Connection | undefined>;
  /** Kept by its id, of that account, and of one of these clients; the one that was used last. */
  findOfAccount(accountId: string, clientIds: readonly string[]): Promise<Connection | undefined>;
}

/** Sign-ins for which refresh handles stand, by whose they are. STORE_UNAVAILABLE. */
export interface HeldSignIns {
  /** Of that account at that client; the one that was used last. No other client is ever led to it. */
  findHeldBy(accountId: string, clientId: string): Promise<Connection | undefined>;
}
