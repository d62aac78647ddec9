// GetAccount: the account behind a token, as it is kept or as its provider knows it now; or that of a session, which is read where it is
// kept. Only an account's own provider can say anything of it, and only a client that may use that provider is told.

import { acceptShown } from "./accepted-token.ts";
import type { OwnedAccount } from "./account.ts";
import type { AccountSubjects } from "./account-subjects.ts";
import type { Verification } from "./claims.ts";
import type { Audiences, Client } from "./clients.ts";
import { type Decide, useOf } from "./decision.ts";
import { ExchangeError } from "./errors.ts";
import type { FreshAccount } from "./fresh-account.ts";
import { actorsOfSession } from "./mint-subject.ts";
import { ownProvider } from "./minting.ts";
import type { FailureBudget, ProviderPlaces, Revocations } from "./ports.ts";
import type { Provider } from "./provider-ports.ts";
import { chooseProvider } from "./provider-choice.ts";
import type { Secret } from "./secret.ts";
import type { SessionProvider, ShownSession } from "./session-ports.ts";
import type { ReadSession } from "./session-reading.ts";
import { checkTokenSize, type Verifiers, type VerifySubject } from "./subject-token.ts";
import { readLeniently } from "./token/lenient-payload.ts";
import { permit, type Trail } from "./trail.ts";
import type { Accounts, KeptAccount } from "./vault-ports.ts";

export interface GetAccountQuestion {
  readonly client: Client;
  /** Configured name; empty: the token's issuer, or for a session the client's only one. */
  readonly provider: string;
  readonly subject:
    | { readonly kind: "token"; readonly token: Secret }
    /** What was shown, once it is known whose cookie is meant; undefined: nothing was. */
    | { readonly kind: "session"; readonly shown: (provider: SessionProvider) => ShownSession | undefined };
  /** As the provider knows it now. */
  readonly fresh: boolean;
  readonly trail: Trail;
}

export interface GetAccountDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly sessions: ReadonlyMap<string, SessionProvider>;
  readonly verifySubject: VerifySubject;
  readonly verifiers: Pick<Verifiers, "byIssuer">;
  readonly audiences: Audiences;
  readonly decide: Decide;
  readonly revocations: Pick<Revocations, "check">;
  readonly accounts: Pick<Accounts, "findByUser"> | undefined;
  readonly subjects: AccountSubjects;
  readonly freshAccount: FreshAccount;
  readonly readSession: ReadSession;
  readonly budget: Pick<FailureBudget, "check">;
  readonly places: Pick<ProviderPlaces, "enter">;
}

export function createGetAccount(deps: GetAccountDeps) {
  return async function getAccount(question: GetAccountQuestion, signal: AbortSignal): Promise<OwnedAccount> {
    return question.subject.kind === "token"
      ? ofToken(question, question.subject.token, signal)
      : ofSession(question, question.subject.shown, signal);
  };

  async function ofToken(question: GetAccountQuestion, token: Secret, signal: AbortSignal): Promise<OwnedAccount> {
    // 1. Bound the size; who issued it, and is it genuine and current.
    const { client, trail } = question;
    checkTokenSize(token);
    trail.note({ credential: token });
    const mayAsk = (provider: string) => permit(deps.decide(useOf(client, provider)), trail);
    const ours = isOurs(token);
    const asked = { token, provider: ours ? "" : question.provider, trail, mayAsk };
    const { verification } = await deps.verifySubject(asked, { signal });

    // 2. Meant for the client, or issued to it; and not revoked.
    const { provider: from, claims } = verification;
    trail.note({ provider: from, issuer: claims.issuer, subject: claims.subject, originClient: claims.clientId });
    acceptShown(deps, question, verification);

    // 3. Whose account it is, and may this client know.
    const account = await accountOf(verification);
    const named = question.provider === "" || question.provider === (ours ? account?.provider : from);
    if (account === undefined || !(named || (ours && question.provider === ownProvider))) throw new ExchangeError("ACCOUNT_NOT_FOUND");
    permit(deps.decide(useOf(client, account.provider)), trail);
    if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED");

    // 4. As it is kept, or as its provider knows it now.
    return owned(question.fresh ? await deps.freshAccount({ client, account, trail }, signal) : account);
  }

  /** A token of our own leads to an account, and so to a provider: the one that is named is that. */
  function isOurs(token: Secret): boolean {
    const issuer = readLeniently(token)?.claims["iss"];
    return typeof issuer === "string" && deps.verifiers.byIssuer(issuer)?.ours === true;
  }

  async function accountOf({ provider, claims }: Verification): Promise<KeptAccount | undefined> {
    if (provider === ownProvider) return deps.subjects.find(claims.subject);
    const issued = deps.providers.get(provider);
    return issued?.accounts === true ? deps.accounts?.findByUser(issued, claims.subject) : undefined;
  }

  function owned({ id, provider, user }: KeptAccount): OwnedAccount {
    return { account: user, subject: deps.subjects.subjectOf(provider, id), provider };
  }

  async function ofSession(
    { client, trail, ...asked }: GetAccountQuestion,
    show: (provider: SessionProvider) => ShownSession | undefined,
    signal: AbortSignal,
  ): Promise<OwnedAccount> {
    // 1. Which provider, may this client use it, and is there anything to ask about.
    const provider = chooseProvider(deps.sessions, client, asked.provider);
    trail.note({ provider: provider.name });
    permit(deps.decide(useOf(client, provider.name)), trail);
    const shown = show(provider);
    if (shown === undefined || !provider.accepts(shown)) throw new ExchangeError("SESSION_INVALID", { field: "SESSION" });
    trail.note({ credential: shown.token });

    // 2. Read at its origin, so it is always fresh.
    deps.budget.check(trail.payer, provider.name);
    using _ = deps.places.enter(provider.name);
    const session = await deps.readSession({ provider, shown, trail }, signal);
    const { account } = session;
    trail.note({ issuer: provider.issuer, subject: account.providerUserId });
    // Whoever looks through the user's eyes where that is not let in sees nothing.
    actorsOfSession(provider, session);
    return { account, subject: deps.subjects.subjectOf(provider.name, account.providerUserId), provider: provider.name };
  }
}

export type GetAccount = ReturnType<typeof createGetAccount>;
