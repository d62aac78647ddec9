// Refreshing what came out of an exchange at its provider: by the same registration, and never wider than the exchange was. A
// provider may forget at a refresh what it minded at the exchange, such as a recipient that was disabled since.

import type { Audiences, Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import { checkExchanged } from "./exchanged-bounds.ts";
import { scopesOf } from "./granted.ts";
import { asVerified, verifyIssued } from "./issued-token.ts";
import type { Verifiers } from "./subject-token.ts";
import type { ExchangeTerms, TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";

export interface TermsDeps {
  readonly verifiers: Pick<Verifiers, "byName">;
  readonly audiences: Audiences;
  readonly decide: Decide;
}

/** Tokens under terms, and who holds them. */
export interface Held {
  readonly terms: ExchangeTerms;
  readonly client: Client;
  /** Configured name. */
  readonly provider: string;
  /** Of the subject token. */
  readonly subject: string | undefined;
  readonly trail: Trail;
}

/**
 * The policy of now would still let the exchange happen: the audience takes tokens of that client, and they may be exchanged.
 * @throws ExchangeError CALLER_NOT_ALLOWED, TARGET_NOT_ALLOWED, SCOPE_NOT_ALLOWED, AUDIENCE_MISMATCH, CLIENT_NOT_TRUSTED
 */
export function permitTerms(deps: TermsDeps, { terms, client, provider, trail }: Held, scopes: readonly string[]): void {
  const { as: audience, audiences } = terms;
  trail.note({ audience, originClient: terms.origin, targets: audiences });
  const token = { audiences: terms.meantFor, clientId: terms.origin, scopes: terms.scopes };
  permit(deps.decide({ kind: "token", client, audience, provider, token, requiredScopes: [] }), trail);
  permit(deps.decide({ kind: "swap", client, provider, audience, audiences, scopes, token: terms, refreshToken: true }), trail);
}

/**
 * @returns what was found in them, for policy to decide
 * @throws ExchangeError as `checkExchanged` and `verifyIssued`
 */
export async function checkTerms(deps: TermsDeps, held: Held, fresh: TokenSet, signal: AbortSignal): Promise<TokenSet> {
  const { terms, provider, subject } = held;
  const requester = deps.audiences.get(terms.as)?.get(provider)?.exchangeAs;
  // Without a subject nothing says whose tokens these must be; an exchange always has one.
  if (requester === undefined || subject === undefined) throw new ExchangeError("TARGET_NOT_ALLOWED");
  const recipients = terms.audiences.map((name) => deps.audiences.get(name)?.get(provider)?.identifiers ?? []);
  const { claims } = await verifyIssued(deps.verifiers, { provider, token: fresh.accessToken }, signal);
  const bounds = { subject, scopes: terms.scopes, actors: terms.actors, life: undefined };
  checkExchanged({ subject: bounds, requester, recipients }, { claims, scopes: scopesOf(fresh) });
  return asVerified(fresh, claims);
}
