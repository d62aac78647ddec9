// Exchange: an authorization code becomes tokens (RFC 6749 §4.1.3). The main path is one screen; the rules it applies stand
// beside it. A code reaches its provider at most once, whatever fails in between.

import type { OwnedAccount } from "./account.ts";
import type { AccountSubjects } from "./account-subjects.ts";
import { type AnswerDeps, type Answered, checkRedeemed, createAnswerCode } from "./answer-code.ts";
import type { Audiences, Client, ProviderGrant } from "./clients.ts";
import { chooseIssuance, type CodeIssuance } from "./code-issuance.ts";
import { earlyMintOf } from "./decision.ts";
import { type Circumstance, ExchangeError } from "./errors.ts";
import type { Minting } from "./minting.ts";
import { resourceOf } from "./narrowing.ts";
import type { OneTimeStore } from "./one-time-ports.ts";
import type { Pkce } from "./pkce.ts";
import type { FailureBudget, ProviderPlaces } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import { type Attempt, createRedeemCode, isRefusal } from "./redeem-code.ts";
import { chooseRedirectUri } from "./redirect-uri.ts";
import { risksBan } from "./refusal-cost.ts";
import type { Secret } from "./secret.ts";
import { createSignIn } from "./sign-in.ts";
import { permit, type Trail } from "./trail.ts";
import type { Accounts, KeptAccount } from "./vault-ports.ts";

export interface ExchangeQuestion {
  readonly client: Client;
  readonly provider: string;
  readonly code: Secret;
  readonly redirectUri: string;
  /** Undefined: none was sent. */
  readonly codeVerifier: Secret | undefined;
  readonly state: string;
  readonly nonce: string;
  /** `iss` of the authorization response (RFC 9207); empty: none was sent. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly trail: Trail;
}

export interface ExchangeAnswer extends Answered {
  /** Undefined: the provider's users have no accounts here. */
  readonly account: OwnedAccount | undefined;
}

export interface ExchangeDeps extends AnswerDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly audiences: Audiences;
  readonly minting: Minting;
  readonly oneTime: OneTimeStore;
  readonly budget: FailureBudget;
  readonly places: Pick<ProviderPlaces, "enter">;
  readonly pkce: Pkce;
  /** Undefined: none are kept, and no provider has accounts here. */
  readonly accounts: Pick<Accounts, "signedIn" | "find"> | undefined;
  readonly subjects: Pick<AccountSubjects, "subjectOf">;
}

export function createExchange(deps: ExchangeDeps) {
  const redeem = createRedeemCode(deps);
  const signIns = deps.accounts === undefined ? undefined : createSignIn({ ...deps, accounts: deps.accounts });
  const answerCode = createAnswerCode(deps);

  return async function exchange(question: ExchangeQuestion, signal: AbortSignal): Promise<ExchangeAnswer> {
    // 1. Which provider, may this client use it, for what, and by whose tokens is it answered.
    const { client, trail } = question;
    const provider = chooseProvider(deps.providers, client, question.provider);
    trail.note({ provider: provider.name, credential: question.code });
    const issuance = chooseIssuance(deps.minting, { client, provider, audiences: question.audiences });
    const redirectUri = permittedUse(question, provider.name, issuance);
    const resources = audiencesAt(issuance).flatMap((name) => resourceOf(deps.audiences, provider.name, name) ?? []);
    checkIssuer(provider, question.issuer);

    // 2. Everything that can fail without harm comes before anything is spent.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    const prepared = await provider.prepare(signal);
    if (issuance.kind === "minted") deps.mint.checkReady(issuance.audience);

    // 3. On record first; then claim the code, and the state: a second use of either ends here, not at the provider.
    await trail.intent();
    const claim = await deps.oneTime.claimCode(provider.name, question.code);
    if (claim === undefined)
      throw new ExchangeError("GRANT_INVALID", { cause: { kind: "code", problem: "reused" } satisfies Circumstance });
    const attempt: Attempt = { claim, pending: undefined, sent: false };

    // 4. Redeem it. Once it is sent, the answer is the provider's, or OUTCOME_UNKNOWN.
    const at = { provider, prepared, redirectUri, resources };
    const tokens = await redeem(question, at, attempt, signal).catch((failure: unknown) => {
      if (attempt.sent && (isRefusal(failure) || risksBan(failure))) deps.budget.spend(trail.payer, provider.name);
      throw failure;
    });
    trail.note({ issuer: tokens.issuer, ...(tokens.subject === undefined ? {} : { subject: tokens.subject }) });

    // 5. Never wider: what the provider granted is within what the client may have.
    const redeemed = { client, provider: provider.name, issuance, tokens, trail };
    checkRedeemed(deps, redeemed);

    // 6. Whose account it is, where users of that provider have accounts.
    const account = provider.accounts ? await signIns?.signIn({ provider, prepared, tokens, trail }, signal) : undefined;

    // 7. Issue and keep, as the client may hold it; and hand it out only if its account was not disabled meanwhile.
    const answered = await answerCode({ ...redeemed, account });
    if (account === undefined) return { ...answered, account };
    await signIns?.checkStands(account);
    return { ...answered, account: owned(account) };
  };

  /** @returns the redirect URI that is meant */
  function permittedUse({ client, trail, ...asked }: ExchangeQuestion, provider: string, issuance: CodeIssuance): string {
    const use = { kind: "use", client, provider, scopes: [], audiences: audiencesAt(issuance) } as const;
    const grant: ProviderGrant | undefined = client.providers.get(provider);
    const redirectUri = grant === undefined ? asked.redirectUri : chooseRedirectUri(grant, asked.redirectUri);
    permit(deps.decide({ ...use, redirectUri }), trail);
    // All that can be decided before it is known who signs in: no code is spent for what is refused anyway.
    if (issuance.kind === "minted") {
      const { audience } = issuance;
      trail.note({ targets: [audience] });
      permit(deps.decide(earlyMintOf({ client, provider, audience, scopes: [], refreshToken: false })), trail);
    }
    return redirectUri;
  }

  function owned({ id, provider, user }: KeptAccount): OwnedAccount {
    return { account: user, subject: deps.subjects.subjectOf(provider, id), provider };
  }
}

export type Exchange = ReturnType<typeof createExchange>;

/** Those that the provider is told of. */
function audiencesAt(issuance: CodeIssuance): readonly string[] {
  return issuance.kind === "minted" ? [] : issuance.audiences;
}

/** The mix-up defence of RFC 9207 §2.4: an answer that names another issuer was not this provider's. */
function checkIssuer(provider: Provider, issuer: string): void {
  if (issuer !== "" && issuer !== provider.issuer) throw new ExchangeError("GRANT_INVALID");
}
