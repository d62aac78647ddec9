// Exchange of a subject token (RFC 8693): an access token that was meant for one of the client's own audiences becomes one for
// another, at its provider or issued here. Codes are exchange.ts, sessions exchange-session.ts.

import { checkActorStanding, type VerifyActor } from "./actor-token.ts";
import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { actedForOf, boundedByActor, proposedBy, withActor } from "./delegation.ts";
import { ExchangeError } from "./errors.ts";
import type { Revocations } from "./ports.ts";
import { type Custody, keepRefreshToken } from "./refresh-token-custody.ts";
import type { Secret } from "./secret.ts";
import { isOpaque } from "./token/opaque.ts";
import { defaultTarget, holdingAudience, onlyTarget } from "./holding-audience.ts";
import { type Mint, noteIssued } from "./mint.ts";
import { isMinted, type Minting } from "./minting.ts";
import { checkTokenSize, type VerifySubject } from "./subject-token.ts";
import type { TokenSubject } from "./token-subject.ts";
import type { Swap } from "./swap.ts";
import type { TokenSet } from "./tokens.ts";
import { permit, type Trail } from "./trail.ts";
import { acceptToken, checkStanding } from "./accepted-token.ts";

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
  /** Of who is to act for the subject; undefined: nobody. */
  readonly actorToken: Secret | undefined;
  readonly trail: Trail;
}

export interface ExchangeTokenAnswer {
  readonly issuance: "PROVIDER_EXCHANGE" | "MINTED";
  readonly tokens: TokenSet;
}

export interface ExchangeTokenDeps extends Custody {
  readonly verifySubject: VerifySubject;
  readonly swap: Swap;
  readonly audiences: Audiences;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly minting: Minting;
  readonly mint: Mint;
  readonly verifyActor: VerifyActor;
  readonly tokenSubject: TokenSubject;
}

/** @returns the tokens, and who issued them */
export function createExchangeToken(deps: ExchangeTokenDeps) {
  return async function exchangeToken(question: ExchangeTokenQuestion, signal: AbortSignal): Promise<ExchangeTokenAnswer> {
    // 1. Bound the size.
    const { client, subjectToken, trail } = question;
    checkTokenSize(subjectToken);
    trail.note({ credential: subjectToken, scopes: question.scopes });

    // 2. Who issued it, and is it genuine and current. A provider that the client may not use tells it nothing about tokens.
    const mayAsk = (provider: string) => permit(deps.decide(useOf(client, provider)), trail);
    const { verification } = await deps.verifySubject({ token: subjectToken, provider: question.provider, trail, mayAsk }, { signal });

    // 3. Whoever holds a token may have it exchanged only where it was meant for them.
    const { provider, claims } = verification;
    const audience = holdingAudience(deps.audiences, client, { provider, aud: claims.audiences });
    trail.note({ audience });
    acceptToken(deps, { client, audience, requiredScopes: [], trail }, verification);

    // 4. For what was asked, or for the client's default; who issues it is configured, and never the caller's to say.
    const audiences = question.audiences.length > 0 ? question.audiences : [defaultTarget(client, provider)];
    if (isMinted(deps.minting, provider, audiences)) {
      return { issuance: "MINTED", tokens: await mintFrom({ ...question, audiences, mayAsk }, verification, signal) };
    }

    // 5. Swap it at its provider. Nobody acts for anybody there: no provider of today takes an actor.
    if (question.actorToken !== undefined) throw new ExchangeError("DELEGATION_NOT_ALLOWED", { field: "ACTOR_TOKEN" });
    const { scopes, refreshToken } = question;
    const { tokens } = await deps.swap({ client, subjectToken, verification, audience, audiences, scopes, refreshToken, trail }, signal);
    if (question.jwt && isOpaque(tokens.accessToken)) throw new ExchangeError("TOKEN_TYPE_MISMATCH");

    // 6. Its refresh token only as the client may hold it.
    return { issuance: "PROVIDER_EXCHANGE", tokens: await keepRefreshToken(deps, { client, provider }, tokens) };
  };

  async function mintFrom(question: MintFrom, verification: Verification, signal: AbortSignal): Promise<TokenSet> {
    const { client, actorToken, scopes, trail, mayAsk } = question;
    // A refreshed token would outlive the one that it came from.
    if (question.refreshToken) throw new ExchangeError("CALLER_NOT_ALLOWED", { field: "CALLER" });
    const audience = onlyTarget(question.audiences);
    trail.note({ targets: [audience] });
    // All that can be decided without the actor: no provider is asked about a token for what is refused anyway.
    const wish = { kind: "mint", client, provider: verification.provider, audience, scopes, refreshToken: false } as const;
    permit(deps.decide({ ...wish, subjectScopes: verification.claims.scopes, actor: undefined }), trail);
    const actor = actorToken && (await deps.verifyActor({ client, actorToken, trail, mayAsk }, signal));
    const actors = actor === undefined ? undefined : withActor(actedForOf(verification.claims), actor.claims);
    const subject = boundedByActor(await deps.tokenSubject(verification, actors), actor);
    const plan = deps.mint.plan({ client, subject, audience, scopes, actor: proposedBy(actor), refreshToken: false, trail });

    // On record first; and neither of the two has ended meanwhile.
    await trail.intent();
    if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");
    checkStanding(deps.revocations, verification);
    if (actor !== undefined) checkActorStanding(deps.revocations, actor);
    const tokens = await deps.mint.issue(plan);
    noteIssued(trail, tokens);
    return tokens;
  }
}

export type ExchangeToken = ReturnType<typeof createExchangeToken>;

interface MintFrom extends ExchangeTokenQuestion {
  readonly mayAsk: (provider: string) => void;
}
