// Whether a kept sign-in still counts, at this moment: its account is not disabled, and nobody has ended all that its user has. Asked by
// everybody who is about to answer by a connection.

import type { AccountSubjects } from "./account-subjects.ts";
import { ifThatIsKnown, isEndedSignIn } from "./ended-sign-in.ts";
import { ExchangeError } from "./errors.ts";
import { ownProvider } from "./minting.ts";
import type { Revocations } from "./ports.ts";
import type { Accounts, Connection, KeptAccount } from "./vault-ports.ts";

export interface StandingDeps {
  readonly accounts: Pick<Accounts, "find"> | undefined;
  readonly revocations: Pick<Revocations, "check">;
  readonly subjects: Pick<AccountSubjects, "subjectOf">;
}

export interface ConnectionStanding {
  /**
   * @returns undefined: it is nobody's account
   * @throws ExchangeError ACCOUNT_DISABLED; REAUTHENTICATION_REQUIRED: the account is gone; STORE_UNAVAILABLE
   */
  accountOf(connection: Connection): Promise<KeptAccount | undefined>;
  /** Who ended all that a user has has ended this sign-in, too. @throws ExchangeError ACCOUNT_DISABLED; STORE_UNAVAILABLE: that cannot be known */
  isEnded(connection: Connection, account: KeptAccount | undefined): boolean;
}

export function createConnectionStanding({ accounts, revocations, subjects }: StandingDeps): ConnectionStanding {
  function isEnded(connection: Connection, account: KeptAccount | undefined): boolean {
    const names = namesOf(connection, account).map(([provider, subject]) => ({ provider, subject, issuedAt: connection.startedAt }));
    // What is known of one name counts, however little can be known of another.
    const isKnown = names.some((name) => ifThatIsKnown(() => isEndedSignIn(revocations, name)));
    return isKnown || names.some((name) => isEndedSignIn(revocations, name));
  }

  /** By which that user is known to whoever ends all of theirs: a sign-in that nobody put a name to has none. */
  function namesOf({ provider, subject }: Connection, account: KeptAccount | undefined): readonly (readonly [string, string])[] {
    const users = new Set([subject, account?.user.providerUserId].filter((name) => name !== undefined));
    const there = [...users].map((name) => [provider, name] as const);
    return account === undefined ? there : [...there, [ownProvider, subjects.subjectOf(provider, account.id)]];
  }

  return {
    async accountOf({ accountId }) {
      if (accountId === undefined) return undefined;
      const account = await accounts?.find(accountId);
      if (account === undefined) throw new ExchangeError("REAUTHENTICATION_REQUIRED");
      if (account.disabled) throw new ExchangeError("ACCOUNT_DISABLED");
      return account;
    },
    isEnded,
  };
}
