// Who somebody is, as a provider says it. What of it goes into a token is decided by an explicit map (minting.ts).

/** Empty strings: not known. */
export interface Account {
  /** The provider's own id of the user, the only attribute that never changes. */
  readonly providerUserId: string;
  /** Unique at the provider, where it has such names. */
  readonly username: string;
  readonly displayName: string;
  readonly email: string;
  /** The provider has seen that the address is the user's. */
  readonly emailVerified: boolean;
  readonly avatarUrl: string;
}

/** An account, and what it is called here. */
export interface OwnedAccount {
  readonly account: Account;
  /** `sub` of tokens that are issued here for it. */
  readonly subject: string;
  /** Configured name. */
  readonly provider: string;
}
