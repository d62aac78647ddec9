// Who is to act for a subject (RFC 8693 §2.1, `actor_token`): its token is verified as any subject's is, and counts only where it was
// meant for the caller. Whether that actor may act for that subject is policy's to decide.

import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { aboutField } from "./errors.ts";
import { holdingAudience } from "./holding-audience.ts";
import type { Revocations } from "./ports.ts";
import type { Secret } from "./secret.ts";
import { checkTokenSize, type VerifySubject } from "./subject-token.ts";
import { quiet, type Trail } from "./trail.ts";
import { acceptToken, checkStanding } from "./accepted-token.ts";

export interface ActorTokenQuestion {
  readonly client: Client;
  readonly actorToken: Secret;
  readonly trail: Trail;
  /** See SubjectTokenQuestion. */
  readonly mayAsk: (provider: string) => void;
}

export interface ActorTokenDeps {
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly verifySubject: VerifySubject;
  readonly audiences: Audiences;
}

export function createActorToken(deps: ActorTokenDeps) {
  /** @throws ExchangeError as for a subject token, about the actor's */
  return async function verifyActor(question: ActorTokenQuestion, signal: AbortSignal): Promise<Verification> {
    const { client, actorToken, trail, mayAsk } = question;
    try {
      checkTokenSize(actorToken);
      // The trail is the subject's: who acts is noted by name once that is known.
      const quietly = quiet(trail);
      const { verification } = await deps.verifySubject({ token: actorToken, provider: "", trail: quietly, mayAsk }, { signal });
      const { provider, claims } = verification;
      const audience = holdingAudience(deps.audiences, client, { provider, aud: claims.audiences });
      acceptToken(deps, { client, audience, requiredScopes: [], trail: quietly }, verification);
      trail.note({ actor: claims.subject, actorIssuer: claims.issuer });
      return verification;
    } catch (failure) {
      throw aboutActor(failure);
    }
  };
}

/**
 * Once more, as the last thing before anything is issued: what took time may have outlasted it.
 * @throws ExchangeError TOKEN_REVOKED, ACCOUNT_DISABLED, STORE_UNAVAILABLE
 */
export function checkActorStanding(revocations: Pick<Revocations, "check">, actor: Verification): void {
  try {
    checkStanding(revocations, actor);
  } catch (failure) {
    throw aboutActor(failure);
  }
}

export type VerifyActor = ReturnType<typeof createActorToken>;

function aboutActor(failure: unknown): unknown {
  return aboutField(failure, "ACTOR_TOKEN");
}
