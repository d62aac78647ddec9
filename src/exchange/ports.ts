// What the core needs from outside, in its own words. Each port is implemented in the room named beside it. Some have files of their own:
// providers (provider-ports.ts, session-ports.ts, token-exchange-ports.ts), what is used once (one-time-ports.ts), what stands for a refresh
// token (handle-ports.ts), and what is kept of sign-ins (vault-ports.ts).

import type { Verification } from "./claims.ts";
import type { Secret } from "./secret.ts";
import type { Soon } from "./soon.ts";
import type { CompactToken } from "./token/compact.ts";
import type { Payer, TrailNotes } from "./trail.ts";

/** The wall clock, in epoch milliseconds. */
export type Clock = () => number;

/** A verifier of one provider's access tokens (keys/ supplies the keys, token/ the rules). */
export interface AccessTokenVerifier {
  readonly provider: string;
  readonly issuer: string;
  /** Hash over everything in the configuration that verification depends on. */
  readonly contentHash: string;
  /** Key ids that are refused whatever else holds. */
  readonly denyKeyIds: Pick<ReadonlySet<string>, "has">;
  /** It verifies what this service itself issued: that needs no network, and nobody's memory but this process's. */
  readonly ours: boolean;
  /** The provider itself is asked about this token (RFC 7662), so that its verification may count against somebody there. */
  readonly asksProvider: (token: Secret) => boolean;
  /**
   * The verification of a token about which the provider is not asked, where the key is at hand. Undefined: `verify` decides.
   * @param parsed the token, where it was taken apart before
   * @throws ExchangeError TOKEN_* or PROOF_REQUIRED
   */
  verifyAtHand(token: Secret, parsed?: CompactToken): Verification | undefined;
  /**
   * @throws ExchangeError TOKEN_* or PROOF_REQUIRED (decided), UPSTREAM_* (cannot decide)
   */
  verify(token: Secret, signal: AbortSignal): Promise<Verification>;
  /**
   * The same for a token that the provider itself has handed out just now: it is not asked about again what its signature says.
   * @throws as `verify`
   */
  verifyIssued(token: Secret, signal: AbortSignal): Promise<Verification>;
}

/** The longest that a verification is believed before keys or provider are asked again; its `validUntilMs` lies no further ahead. */
export const verificationLifetimeMs = 60_000;

/** cache/: remembers verifications. A miss is never an error; an unreadable entry is a miss. */
export interface VerificationCache {
  /** An opaque key over the whole question. */
  readonly keyOf: (token: Secret, scope: string) => string;
  /** What this process remembers itself. */
  near(key: string): Verification | undefined;
  /** What this process or all replicas remember; at once where this process remembers alone. Never rejects. */
  get(key: string): Soon<Verification | undefined>;
  /** Remembers until `validUntilMs`; never waits for the shared tier. */
  put(key: string, verification: Verification): void;
  /** The same, in this process only. */
  putNear(key: string, verification: Verification): void;
  /** Short memory for cryptographic denials, in process only (≤ 10 s). */
  readonly denials: { has(key: string): boolean; add(key: string): void };
}

/** cache/: joins simultaneous calls for the same key into one. Each caller waits at most as long as its own signal. */
export interface SingleFlight {
  <T>(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** A verified token, as revocation knows it. */
export interface RevocableToken {
  /** Configured name. */
  readonly provider: string;
  /** `revocationId` of its verification. */
  readonly id: string;
  readonly subject: string;
  /** `iat`, in seconds since the epoch. */
  readonly issuedAt: number;
}

/** Instants in seconds since the epoch; what is expired may be forgotten. */
export type Revocation =
  | { readonly kind: "token"; readonly provider: string; readonly id: string; readonly expiresAt: number }
  /** Every token of the subject that was issued at `until` or before. */
  | { readonly kind: "subject"; readonly provider: string; readonly id: string; readonly until: number; readonly expiresAt: number };

/** store/, cache/: what was revoked. Every replica holds all of it in memory and follows its authority. */
export interface Revocations {
  /** @throws ExchangeError TOKEN_REVOKED, ACCOUNT_DISABLED; STORE_UNAVAILABLE where what is known here is too old to say yes */
  check(token: RevocableToken): void;
  /** Durable and in force here when it resolves; elsewhere within a second. @throws ExchangeError STORE_UNAVAILABLE */
  revoke(revocation: Revocation): Promise<void>;
}

/** RFC 7009 §2.1. */
export type TokenTypeHint = "access_token" | "refresh_token";

/** providers/ (telling.ts), over a queue in store/ or cache/: tells providers what was revoked, until they have heard it. */
export interface UpstreamRevocations {
  /**
   * Queues it, durably where there is a database, and tries at once.
   * @returns true where the provider has not heard of it yet
   * @throws ExchangeError STORE_UNAVAILABLE
   */
  tell(about: { readonly provider: string; readonly token: Secret; readonly hint: TokenTypeHint }, signal: AbortSignal): Promise<boolean>;
}

/** limits/: keeps one caller's failures from becoming a provider's ban of this service. */
export interface FailureBudget {
  /** @throws ExchangeError RATE_LIMITED */
  check(payer: Payer, provider: string): void;
  /** The provider refused what this payer sent. */
  spend(payer: Payer, provider: string): void;
}

/** limits/: places for those who wait for one provider, so that one which hangs does not take everybody's. */
export interface ProviderPlaces {
  /** For a call that is going to wait; disposing of the result gives it back. @throws ExchangeError UPSTREAM_UNAVAILABLE */
  enter(provider: string): Disposable;
  /**
   * For work that may be over at once, as a check with keys at hand is: it takes a place only where it has to wait. Without one it is
   * aborted, so it must be safe to abort.
   * @throws what the work throws; ExchangeError UPSTREAM_UNAVAILABLE
   */
  whileWaiting<T>(provider: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** One line of the audit trail, before it is chained. Absent: not known, or not applicable. */
export interface AuditEntry extends Omit<TrailNotes, "credential"> {
  /** intent: about to be issued. outcome: how a call ended. security: worth a look by itself. */
  readonly kind: "intent" | "outcome" | "security";
  readonly requestId?: string;
  readonly method?: string;
  readonly protocol?: string;
  /** Client id. */
  readonly caller?: string | undefined;
  /** Where the call came from. */
  readonly address?: string;
  /** Keyed hash of the credential. */
  readonly token?: string;
  /** `OK`, or why it failed. */
  readonly reason?: string;
  /** With `security`: what it is. */
  readonly event?: string;
  /** Calls that the record stands for; absent: one. */
  readonly count?: number;
}

/** audit/: who did what, append-only. */
export interface Audit {
  /** Durable when it resolves. @throws ExchangeError AUDIT_UNAVAILABLE */
  intend(entry: AuditEntry): Promise<void>;
  /** Never waits and never throws: what cannot be written is kept for a while, then counted in a gap record. */
  record(entry: AuditEntry): void;
}
