// The subject of a token that is issued in place of another one. Where users of its provider have accounts here they are called by those,
// whatever they came by: else one user would have two names, and somebody who may choose an id at the provider could choose another's.

import type { Actor, Verification } from "./claims.ts";
import { ExchangeError } from "./errors.ts";
import type { MintSubject } from "./mint.ts";
import { subjectOfToken } from "./mint-subject.ts";
import type { Provider } from "./provider-ports.ts";
import type { Accounts } from "./vault-ports.ts";

export interface TokenSubjectDeps {
  readonly providers: ReadonlyMap<string, Pick<Provider, "name" | "issuer" | "accounts">>;
  /** Undefined: none are kept, and no provider has accounts here. */
  readonly accounts: Pick<Accounts, "findByUser"> | undefined;
}

export function createTokenSubject({ providers, accounts }: TokenSubjectDeps) {
  /**
   * @param actors see subjectOfToken
   * @throws ExchangeError ACCOUNT_NOT_FOUND: who it is has never signed in here; ACCOUNT_DISABLED; STORE_UNAVAILABLE
   */
  return async function tokenSubject(verification: Verification, actors?: readonly Actor[]): Promise<MintSubject> {
    const subject = subjectOfToken(verification, actors);
    const provider = providers.get(verification.provider);
    if (provider?.accounts !== true) return subject;
    const account = await accounts?.findByUser(provider, verification.claims.subject);
    if (account === undefined) throw new ExchangeError("ACCOUNT_NOT_FOUND", { field: "SUBJECT_TOKEN" });
    if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED", { field: "SUBJECT_TOKEN" });
    return { ...subject, subject: account.id };
  };
}

export type TokenSubject = ReturnType<typeof createTokenSubject>;
