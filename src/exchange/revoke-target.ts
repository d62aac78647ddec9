// What a token is that is to be revoked: a refresh handle, a provider's raw refresh token, or an access token that is accepted here, with
// all that has to be known before anything ends. It is read and ends nothing.

import type { Verification } from "./claims.ts";
import type { Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { ExchangeError, hasReason, type Reason } from "./errors.ts";
import type { EndableGrant, RefreshHandles } from "./handle-ports.ts";
import { ownProvider } from "./minting.ts";
import type { AccessTokenVerifier, FailureBudget, ProviderPlaces } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { isHandle } from "./refresh-token-custody.ts";
import type { Secret } from "./secret.ts";
import { isProvidersWord, type Verifiers } from "./subject-token.ts";
import { parseCompact, unverifiedIssuer } from "./token/compact.ts";
import { permit, type Trail, type TrailNotes } from "./trail.ts";

export interface RevokeQuestion {
  readonly client: Client;
  /** Configured name; empty: found by the token, or the client's only one. */
  readonly provider: string;
  readonly token: Secret;
  /** The caller takes it for a refresh token. Only a provider's raw one is known by this alone. */
  readonly isRefreshToken: boolean;
  readonly trail: Trail;
}

type Notes = Pick<TrailNotes, "issuer" | "subject" | "originClient">;

export type RevokeTarget =
  | { readonly kind: "handle"; readonly provider: string; readonly notes: Notes; readonly grant: EndableGrant }
  | { readonly kind: "raw"; readonly provider: string; readonly notes: Notes }
  | {
      readonly kind: "access_token";
      readonly provider: string;
      readonly notes: Notes;
      readonly verification: Verification;
      /** True: it was issued to this service's own registration at the provider, or by this service to the client. */
      readonly own: boolean;
    };

export interface RevokeTargetDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly verifiers: Pick<Verifiers, "byName" | "byIssuer">;
  readonly decide: Decide;
  readonly handles: Pick<RefreshHandles, "findToEnd">;
  readonly places: Pick<ProviderPlaces, "whileWaiting">;
  readonly budget: FailureBudget;
}

export function createRevokeTarget(deps: RevokeTargetDeps) {
  /** Undefined: it means nothing here. @throws ExchangeError where that cannot be decided, or policy refuses that its provider is asked */
  return async function identify(question: RevokeQuestion, signal: AbortSignal): Promise<RevokeTarget | undefined> {
    const { client, provider, token, isRefreshToken } = question;
    if (isHandle(token)) return identifyHandle(question);
    if (!isRefreshToken) return identifyAccessToken(question, signal);
    // From anybody else a provider's refresh token is as good as unknown: it was never handed out to them.
    if (!client.rawRefreshTokens) return undefined;
    return { kind: "raw", provider: chooseProvider(deps.providers, client, provider).name, notes: {} };
  };

  /** Another client's handle opens nothing. */
  async function identifyHandle({ client, token }: RevokeQuestion): Promise<RevokeTarget | undefined> {
    const grant = await deps.handles.findToEnd(client.id, token);
    if (grant === undefined) return undefined;
    const { provider, subject } = grant;
    return { kind: "handle", provider, grant, notes: subject === undefined ? {} : { subject } };
  }

  async function identifyAccessToken(question: RevokeQuestion, signal: AbortSignal): Promise<RevokeTarget | undefined> {
    const verification = await verified(question, signal);
    if (verification === undefined) return undefined;
    const { provider, claims } = verification;
    const { issuer, subject, clientId } = claims;
    const own = provider === ownProvider ? clientId === question.client.id : deps.providers.get(provider)?.clientId === clientId;
    return { kind: "access_token", provider, verification, own, notes: { issuer, subject, originClient: clientId } };
  }

  /** Undefined: it is accepted nowhere here, and will not be. @throws ExchangeError where that cannot be decided */
  async function verified({ client, provider, token, trail }: RevokeQuestion, signal: AbortSignal): Promise<Verification | undefined> {
    let verifier: AccessTokenVerifier | undefined;
    try {
      const found = verifierOf(provider, token);
      if (found === undefined) return undefined;
      verifier = found;
      if (found.asksProvider(token)) {
        permit(deps.decide(useOf(client, found.provider)), trail);
        deps.budget.check(trail.payer, found.provider);
      }
      return await deps.places.whileWaiting(found.provider, signal, (waiting) => found.verify(token, waiting));
    } catch (failure) {
      if (verifier !== undefined && isProvidersWord(failure)) deps.budget.spend(trail.payer, verifier.provider);
      if (hasReason(failure, ...neverAccepted)) return undefined;
      throw failure;
    }
  }

  function verifierOf(provider: string, token: Secret): AccessTokenVerifier | undefined {
    if (provider === "") {
      const issuer = unverifiedIssuer(parseCompact(token.reveal()));
      return issuer === undefined ? undefined : deps.verifiers.byIssuer(issuer);
    }
    const verifier = deps.verifiers.byName(provider);
    if (verifier === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    return verifier;
  }
}

/** Not among them: a token that is not valid yet. It will be, so to say that it has ended would be wrong. */
const neverAccepted: readonly Reason[] = [
  "TOKEN_MALFORMED",
  "TOKEN_INVALID",
  "TOKEN_TYPE_MISMATCH",
  "TOKEN_EXPIRED",
  "TOKEN_REVOKED",
  "ISSUER_NOT_TRUSTED",
  "PROOF_REQUIRED",
];
