// What accounts are called in tokens that are issued here, and the way back from such a name to its account.

import type { Provider } from "./provider-ports.ts";
import type { Accounts, KeptAccount } from "./vault-ports.ts";

export interface AccountSubjectDeps {
  readonly providers: ReadonlyMap<string, Pick<Provider, "issuer" | "accounts">>;
  /** By provider; absent: nothing is put before the `sub` of its users. */
  readonly subjectPrefixes: ReadonlyMap<string, string>;
  /** Undefined: none are kept. */
  readonly accounts: Pick<Accounts, "find"> | undefined;
}

export interface AccountSubjects {
  /** `sub` of a provider's user. @param id of the account, or the provider's own where it has no accounts here */
  subjectOf(provider: string, id: string): string;
  /** @param subject `sub` of a token that was issued here. Undefined: it is no account's. @throws ExchangeError STORE_UNAVAILABLE */
  find(subject: string): Promise<KeptAccount | undefined>;
}

export function createAccountSubjects({ providers, subjectPrefixes, accounts }: AccountSubjectDeps): AccountSubjects {
  const prefixOf = (provider: string) => subjectPrefixes.get(provider) ?? "";
  const withAccounts = [...providers].flatMap(([name, provider]) => (provider.accounts ? [{ name, issuer: provider.issuer }] : []));

  return {
    subjectOf: (provider, id) => prefixOf(provider) + id,
    async find(subject) {
      for (const { name, issuer } of withAccounts) {
        const prefix = prefixOf(name);
        if (!subject.startsWith(prefix)) continue;
        const account = await accounts?.find(subject.slice(prefix.length));
        // Under another provider's prefix the same id is somebody else's name; and what a former issuer's user was called is nobody's.
        if (account?.provider === name && account.issuer === issuer) return account;
      }
      return undefined;
    },
  };
}
