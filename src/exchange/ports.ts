// What the core needs from outside, in its own words. Each port is implemented in the room named beside it.

import type { Verification } from "./claims.ts";
import type { Secret } from "./secret.ts";
import type { TokenSet } from "./tokens.ts";

/** The wall clock, in epoch milliseconds. */
export type Clock = () => number;

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
  /** What the ID token's nonce must be; undefined: the client checks it. */
  readonly nonce: string | undefined;
}

/** providers/: what is different about one provider. The shared checks around these calls live in the operations. */
export interface Provider {
  readonly name: string;
  readonly issuer: string;
  readonly pkce: "S256" | "none";
  /**
   * Learns what the calls below need (discovery, keys) before anything one-time is spent.
   * @throws ExchangeError UPSTREAM_*: asking again is safe.
   */
  prepare(signal: AbortSignal): Promise<PreparedProvider>;
}

export interface PreparedProvider {
  authorizationUrl(start: AuthorizationStart): string;
  /** Redeems a code. Not abortable: once sent it runs to its end, within the provider's own time limit. */
  redeemCode(grant: CodeGrant): Promise<TokenSet>;
  /** Refreshes. Not abortable either: refresh tokens may be single-use. */
  refresh(refreshToken: Secret, scopes: readonly string[]): Promise<TokenSet>;
}

/** A verifier of one provider's access tokens (keys/ supplies the keys, token/ the rules). */
export interface AccessTokenVerifier {
  readonly provider: string;
  readonly issuer: string;
  /** Hash over everything in the configuration that verification depends on. */
  readonly contentHash: string;
  /** Key ids that are refused whatever else holds. */
  readonly denyKeyIds: ReadonlySet<string>;
  /**
   * @throws ExchangeError TOKEN_* or PROOF_REQUIRED (decided), UPSTREAM_* (cannot decide)
   */
  verify(token: Secret, signal: AbortSignal): Promise<Verification>;
}

/** The longest that a verification is believed; its `validUntilMs` lies no further ahead. */
export const verificationLifetimeMs = 60_000;

/** cache/: remembers verifications. A miss is never an error; an unreadable entry is a miss. */
export interface VerificationCache {
  /** An opaque key over the whole question. */
  readonly keyOf: (token: Secret, scope: string) => string;
  get(key: string): Promise<Verification | undefined>;
  /** Remembers until `validUntilMs`; never waits for the shared tier. */
  put(key: string, verification: Verification): void;
  /** Short memory for cryptographic denials, in process only (≤ 10 s). */
  readonly denials: { has(key: string): boolean; add(key: string): void };
}

/** cache/: joins simultaneous calls for the same key into one. Each caller waits at most as long as its own signal. */
export interface SingleFlight {
  <T>(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** What was kept when a sign-in was begun; the verifier only for authenticated services. */
export interface PendingState {
  readonly clientId: string;
  readonly provider: string;
  readonly redirectUri: string;
  readonly codeChallenge: string | undefined;
  readonly codeVerifier: Secret | undefined;
  readonly nonce: string | undefined;
  /** Epoch milliseconds; also for a state that was put back. */
  readonly expiresAtMs: number;
}

/** How long a used code and a begun sign-in are remembered: codes live 10 minutes at most (RFC 6749 §4.1.2). */
export const oneTimeLifetimeMs = 600_000;

/**
 * cache/: one-time things. Authority is Redis where it is configured, else the process.
 * Every method throws ExchangeError STORE_UNAVAILABLE when the authority does not answer.
 */
export interface OneTimeStore {
  /** Set-if-absent. Undefined: it was claimed before. */
  claimCode(provider: string, code: Secret): Promise<CodeClaim | undefined>;
  keepState(state: string, pending: PendingState): Promise<void>;
  /** Takes the state away and returns what was kept; undefined: unknown, used or expired. */
  takeState(state: string): Promise<PendingState | undefined>;
}

/** A claimed code. */
export interface CodeClaim {
  /** Gives the code back: only where nothing of it can have left the process. Never throws. */
  release(): Promise<void>;
}

/** A provider's refresh token under seal. */
export interface RefreshGrant {
  readonly provider: string;
  readonly refreshToken: Secret;
  /** Who signed in, where an ID token said so. */
  readonly subject?: string | undefined;
}

/** cache/: seals a provider's refresh token into a handle that one client can use. */
export interface RefreshHandles {
  seal(clientId: string, grant: RefreshGrant): Secret;
  /** Undefined: not a handle, forged, or another client's. One answer for all of these. */
  open(clientId: string, handle: Secret): RefreshGrant | undefined;
}
