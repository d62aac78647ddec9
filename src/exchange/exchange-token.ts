// Exchange of a subject token (RFC 8693): an access token that was meant for one of the client's own audiences becomes one for
// another. The code flow is exchange.ts; what both kinds of issuance share is policy and narrowing.

import type { Audiences, Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import type { RefreshHandles } from "./handle-ports.ts";
import type { Revocations } from "./ports.ts";
import { keepRefreshToken } from "./refresh-token-custody.ts";
import type { Secret } from "./secret.ts";
import { isOpaque } from "./token/opaque.ts";
import { checkTokenSize, type VerifySubject } from "./subject-token.ts";
import type { Swap } from "./swap.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";
import { acceptToken } from "./validate.ts";

export interface ExchangeTokenQuestion {
  readonly client: Client;
  readonly subjectToken: Secret;
  /** Configured name; empty: found by the token's issuer. */
  readonly provider: string;
  /** Configured names; empty: the first that the client may ask for at the provider. */
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly refreshToken: boolean;
  /** The new token has to be a JWT. */
  readonly jwt: boolean;
  /** Somebody is said to act for the subject. */
  readonly hasActor: boolean;
  readonly trail: Trail;
}

export interface ExchangeTokenDeps {
  readonly verifySubject: VerifySubject;
  readonly swap: Swap;
  readonly audiences: Audiences;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly handles: Pick<RefreshHandles, "issue">;
}

export function createExchangeToken(deps: ExchangeTokenDeps) {
  return async function exchangeToken(question: ExchangeTokenQuestion, signal: AbortSignal): Promise<TokenSet> {
    // 1. Bound the size. Nobody acts for anybody here: no provider of today takes an actor.
    const { client, subjectToken, trail } = question;
    checkTokenSize(subjectToken);
    trail.note({ credential: subjectToken, scopes: question.scopes });
    if (question.hasActor) throw new ExchangeError("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" });

    // 2. Who issued it, and is it genuine and current. A provider that the client may not use tells it nothing about tokens.
    const mayAsk = (provider: string) => permit(deps.decide(useOf(client, provider)), trail);
    const { verification } = await deps.verifySubject({ token: subjectToken, provider: question.provider, trail, mayAsk }, signal);

    // 3. Whoever holds a token may have it swapped only where it was meant for them.
    const { provider, claims } = verification;
    const audience = holdingAudience(deps.audiences, client, { provider, aud: claims.audiences });
    trail.note({ audience });
    acceptToken(deps, { client, audience, requiredScopes: [], trail }, verification);

    // 4. Swap it at its provider, for what was asked or for the client's default.
    const audiences = question.audiences.length > 0 ? question.audiences : [defaultTarget(client, provider)];
    const { scopes, refreshToken } = question;
    const { tokens } = await deps.swap({ client, subjectToken, verification, audience, audiences, scopes, refreshToken, trail }, signal);
    if (question.jwt && isOpaque(tokens.accessToken)) throw new ExchangeError("TOKEN_TYPE_MISMATCH");

    // 5. Its refresh token only as the client may hold it.
    return keepRefreshToken(deps.handles, { client, provider }, tokens);
  };
}

export type ExchangeToken = ReturnType<typeof createExchangeToken>;

/**
 * Of the client's own audiences the first that the token is for and that may exchange it; else the first that it is for, else the
 * client's default, where policy says why not.
 * @throws ExchangeError TARGET_NOT_ALLOWED: it has none
 */
export function holdingAudience(
  audiences: Audiences,
  client: Client,
  { provider, aud }: { readonly provider: string; readonly aud: readonly string[] },
): string {
  const identifiersOf = (name: string) => audiences.get(name)?.get(provider)?.identifiers ?? [];
  const isMeant = (name: string) => identifiersOf(name).some((identifier) => aud.includes(identifier));
  const meant = client.audiences.filter(isMeant);
  const mayExchange = (name: string) => audiences.get(name)?.get(provider)?.exchangeAs !== undefined;
  const audience = meant.find(mayExchange) ?? meant[0] ?? client.audiences[0];
  if (audience === undefined) throw notListed(`clients.${client.id}.audiences`);
  return audience;
}

/**
 * Whom a new token is for where the call does not say. Never nobody: that would be for everybody.
 * @throws ExchangeError TARGET_NOT_ALLOWED
 */
export function defaultTarget(client: Client, provider: string): string {
  const [first] = client.providers.get(provider)?.audiences ?? [];
  if (first === undefined) throw notListed(`clients.${client.id}.providers.${provider}.audiences`);
  return first;
}

function notListed(rule: string): ExchangeError {
  return new ExchangeError("TARGET_NOT_ALLOWED", { cause: { kind: "policy", rule } });
}
