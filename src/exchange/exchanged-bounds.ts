// Never wider: what a provider issued in exchange for a token, held against that token and against what was asked (RFC 8693 §1.1,
// §2.2.1). Pure. That the new token is genuine was verified; whether the client may have it is policy's to decide.

import type { Actor, TokenClaims } from "./claims.ts";
import { type Circumstance, ExchangeError, type FailureFacts, type Reason } from "./errors.ts";

/** What of a subject token bounds all that comes out of it. */
export interface SubjectBounds extends Pick<TokenClaims, "subject" | "scopes" | "actors"> {
  /** Seconds since the epoch; undefined: it has ended by now, and what follows has a life of its own. */
  readonly life: { readonly issuedAt: number; readonly expiresAt: number } | undefined;
}

/** What was asked. */
export interface ExchangeBounds {
  readonly subject: SubjectBounds;
  /** The provider's client by which this service asked. */
  readonly requester: string;
  /** For each audience that was asked for, all values of `aud` that mean it. */
  readonly recipients: readonly (readonly string[])[];
}

/** What an answer says besides its token's claims. */
export interface ExchangeAnswer {
  readonly claims: TokenClaims;
  /** Undefined: it does not say. */
  readonly scopes: readonly string[] | undefined;
}

/**
 * @throws ExchangeError UPSTREAM_INVALID_RESPONSE (another subject, another holder), DELEGATION_NOT_ALLOWED (an actor was lost),
 *   TARGET_NOT_ALLOWED, SCOPE_NOT_ALLOWED (it opens more), TOKEN_EXPIRED (it would outlive a subject token that is about to end)
 */
export function checkExchanged({ subject, requester, recipients }: ExchangeBounds, { claims, scopes }: ExchangeAnswer): void {
  if (claims.subject !== subject.subject) throw beyond("UPSTREAM_INVALID_RESPONSE", "sub");
  if (claims.clientId !== requester) throw beyond("UPSTREAM_INVALID_RESPONSE", "client");
  if (!endsWith(claims.actors, subject.actors)) throw beyond("DELEGATION_NOT_ALLOWED", "act");
  const asked = recipients.flat();
  // For somebody in particular, or it would be for everybody.
  const named = recipients.length > 0 && recipients.every((values) => values.some((value) => claims.audiences.includes(value)));
  // Every value, also one that means no audience here: it may mean something to somebody.
  if (!named || !claims.audiences.every((value) => asked.includes(value))) throw beyond("TARGET_NOT_ALLOWED", "aud");
  const had = new Set(subject.scopes);
  if (![...claims.scopes, ...(scopes ?? [])].every((scope) => had.has(scope))) throw beyond("SCOPE_NOT_ALLOWED", "scope");
  if (subject.life !== undefined && claims.expiresAt > subject.life.expiresAt) throw outlives(subject.life, claims);
}

/** Whoever acts already goes on acting; another one may have been put in front. */
function endsWith(actors: readonly Actor[], earlier: readonly Actor[]): boolean {
  const last = actors.slice(actors.length - earlier.length);
  return actors.length >= earlier.length && earlier.every((actor, index) => isSame(actor, last[index]));
}

function isSame(one: Actor, other: Actor | undefined): boolean {
  return one.issuer === other?.issuer && one.subject === other.subject && one.clientId === other.clientId;
}

/** With a fresh subject token it may fit; where even that cannot be, the provider's settings are at fault, and refreshing is in vain. */
function outlives(life: NonNullable<SubjectBounds["life"]>, claims: TokenClaims): ExchangeError {
  const fitsFresh = claims.expiresAt - claims.issuedAt < life.expiresAt - life.issuedAt;
  if (!fitsFresh) return beyond("TARGET_NOT_ALLOWED", "exp");
  return beyond("TOKEN_EXPIRED", "exp", { field: "SUBJECT_TOKEN", expiredAt: life.expiresAt });
}

/** @param claim of the new token, for the log */
function beyond(reason: Reason, claim: string, facts: FailureFacts = {}): ExchangeError {
  const cause: Circumstance = { kind: "rule", field: `exchanged ${claim}` };
  return new ExchangeError(reason, { cause, ...facts });
}
