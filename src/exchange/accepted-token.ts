// Whether a verified token may be used for an audience, at this moment: not revoked since, and allowed by the policy of now. Every
// operation about somebody's token asks it, on every hit as on every miss.

import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import type { Decide } from "./decision.ts";
import { holdingAudience } from "./holding-audience.ts";
import { keyRevocationId, ownProvider } from "./minting.ts";
import type { Revocations } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { permit, type Trail } from "./trail.ts";

export interface AcceptDeps {
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
}

export interface AcceptQuestion {
  readonly client: Client;
  /** Configured name: one of the client's own. */
  readonly audience: string;
  readonly requiredScopes: readonly string[];
  readonly trail: Trail;
}

/**
 * On every hit as on every miss: revoked since, and allowed by the policy of now.
 * @throws ExchangeError TOKEN_REVOKED, ACCOUNT_DISABLED, STORE_UNAVAILABLE; AUDIENCE_MISMATCH, CLIENT_NOT_TRUSTED, SCOPE_INSUFFICIENT, TARGET_NOT_ALLOWED
 */
export function acceptToken(deps: AcceptDeps, asked: AcceptQuestion, verification: Verification): void {
  const { claims, provider } = verification;
  asked.trail.note({ provider, issuer: claims.issuer, subject: claims.subject, originClient: claims.clientId });
  checkStanding(deps.revocations, verification);
  const { client, audience, requiredScopes, trail } = asked;
  permit(deps.decide({ kind: "token", client, audience, provider, token: claims, requiredScopes }), trail);
}

export interface AcceptShownDeps extends AcceptDeps {
  readonly audiences: Audiences;
  readonly providers: ReadonlyMap<string, Pick<Provider, "clientId">>;
}

/**
 * A token of a user that a client shows, for nobody's API: it was issued to the client by this service, or to this service by its
 * provider, or it is meant for the client.
 * @throws as `acceptToken`
 */
export function acceptShown(
  deps: AcceptShownDeps,
  { client, trail }: Pick<AcceptQuestion, "client" | "trail">,
  verification: Verification,
): void {
  const { provider, claims } = verification;
  const issuedTo = provider === ownProvider ? client.id : deps.providers.get(provider)?.clientId;
  if (claims.clientId === issuedTo) return checkStanding(deps.revocations, verification);
  const audience = holdingAudience(deps.audiences, client, { provider, aud: claims.audiences });
  acceptToken(deps, { client, audience, requiredScopes: [], trail }, verification);
}

/** @throws ExchangeError TOKEN_REVOKED, ACCOUNT_DISABLED, STORE_UNAVAILABLE */
export function checkStanding(revocations: Pick<Revocations, "check">, verification: Verification): void {
  const { provider, revocationId, keyId, claims } = verification;
  const { subject, issuedAt } = claims;
  revocations.check({ provider, id: revocationId, subject, issuedAt });
  // An ended key of our own, as every replica hears of revocations: one that cannot reach the database still has it in its ring.
  if (provider === ownProvider) revocations.check({ provider, id: keyRevocationId(keyId), subject, issuedAt });
}
