// CreateAuthorizationUrl: begins an authorization code flow (RFC 6749 §4.1.1, RFC 7636 §4.3).
// Who keeps the PKCE verifier is decided here: public clients their own; an authenticated service may leave it to us.

import type { Audiences, Client } from "./clients.ts";
import { chooseIssuance } from "./code-issuance.ts";
import type { Decide } from "./decision.ts";
import { malformed } from "./errors.ts";
import type { Minting } from "./minting.ts";
import { resourceOf } from "./narrowing.ts";
import { newState, type Pkce } from "./pkce.ts";
import { type OneTimeStore, oneTimeLifetimeMs } from "./one-time-ports.ts";
import type { Clock, ProviderPlaces } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { chooseRedirectUri } from "./redirect-uri.ts";
import type { Secret } from "./secret.ts";
import { permit, type Trail } from "./trail.ts";

export interface AuthorizeQuestion {
  readonly client: Client;
  readonly provider: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly codeChallenge: string;
  readonly nonce: string;
  readonly loginHint: string;
  readonly prompt: string;
  readonly trail: Trail;
}

export interface AuthorizeAnswer {
  readonly authorizationUrl: string;
  readonly state: string;
  readonly expiresAtMs: number;
}

export interface AuthorizeDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly audiences: Audiences;
  readonly minting: Minting;
  readonly decide: Decide;
  readonly oneTime: OneTimeStore;
  readonly places: Pick<ProviderPlaces, "whileWaiting">;
  readonly pkce: Pkce;
  readonly clock: Clock;
}

export function createAuthorize(deps: AuthorizeDeps) {
  return async function authorize(question: AuthorizeQuestion, signal: AbortSignal): Promise<AuthorizeAnswer> {
    // 1. Which provider, and may this client use it, come back there, and ask for that: never more than configured.
    const { client, trail } = question;
    const provider = chooseProvider(deps.providers, client, question.provider);
    trail.note({ provider: provider.name });
    // Of an audience whose tokens are issued here the provider knows nothing; whether it may be asked for is decided with the code.
    const issuance = chooseIssuance(deps.minting, { client, provider, audiences: question.audiences });
    const audiences = issuance.kind === "minted" ? [] : issuance.audiences;
    const grant = client.providers.get(provider.name);
    const redirectUri = grant === undefined ? question.redirectUri : chooseRedirectUri(grant, question.redirectUri);
    permit(deps.decide({ kind: "use", client, provider: provider.name, redirectUri, scopes: question.scopes, audiences }), trail);

    // 2. Nothing named means all that is configured.
    const scopes = question.scopes.length === 0 ? (grant?.scopes ?? []) : question.scopes;
    const resources = audiences.flatMap((name) => resourceOf(deps.audiences, provider.name, name) ?? []);

    // 3. Who keeps verifier and nonce.
    const custody = await decideCustody(question, provider, scopes);

    // 4. The state, remembered before anyone is sent anywhere.
    const prepared = await deps.places.whileWaiting(provider.name, signal, (waiting) => provider.prepare(waiting));
    const state = newState(deps.pkce);
    const expiresAtMs = deps.clock() + oneTimeLifetimeMs;
    await deps.oneTime.keepState(state, {
      clientId: question.client.id,
      provider: provider.name,
      redirectUri,
      codeChallenge: custody.codeChallenge,
      codeVerifier: custody.codeVerifier,
      nonce: custody.nonce,
      expiresAtMs,
    });

    // 5. The address.
    const authorizationUrl = prepared.authorizationUrl({
      redirectUri,
      scopes,
      resources,
      state,
      // A provider without PKCE is not shown the challenge; it is kept, and the verifier is checked here.
      codeChallenge: provider.pkce === "none" ? undefined : custody.codeChallenge,
      nonce: custody.nonce,
      loginHint: question.loginHint === "" ? undefined : question.loginHint,
      prompt: question.prompt === "" ? undefined : question.prompt,
    });
    return { authorizationUrl, state, expiresAtMs };
  };

  async function decideCustody(question: AuthorizeQuestion, provider: Provider, scopes: readonly string[]): Promise<Custody> {
    if (question.codeChallenge !== "") {
      return { codeChallenge: question.codeChallenge, codeVerifier: undefined, nonce: question.nonce === "" ? undefined : question.nonce };
    }
    // Verifier and nonce are kept by one side: half of the custody would leave a flow that nobody can check.
    if (question.nonce !== "") throw malformed("nonce");
    if (question.client.kind !== "service") {
      if (provider.pkce === "S256") throw malformed("code_challenge");
      return { codeChallenge: undefined, codeVerifier: undefined, nonce: undefined };
    }
    const nonce = scopes.includes("openid") ? deps.pkce.random() : undefined;
    if (provider.pkce === "none") return { codeChallenge: undefined, codeVerifier: undefined, nonce };
    const codeVerifier = deps.pkce.newVerifier();
    return { codeChallenge: await deps.pkce.challengeOf(codeVerifier), codeVerifier, nonce };
  }
}

interface Custody {
  readonly codeChallenge: string | undefined;
  readonly codeVerifier: Secret | undefined;
  readonly nonce: string | undefined;
}

export type Authorize = ReturnType<typeof createAuthorize>;
