// What an operator orders about accounts: list, disable, enable, forget. The row decides for whatever issues tokens; the log of revocations, in
// the same transaction, makes every replica refuse what was issued. What tokens of an account are called is its caller's to know.

import type { Clock } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { AccountStanding } from "../exchange/revocation-ports.ts";
import type { KeptAccount } from "../exchange/vault-ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import { createAccountColumns } from "../store/account-columns.ts";
import {
  type AccountRecord,
  type AccountsPage,
  deleteAccount,
  disableAccount,
  enableAccount,
  readAccount,
  readAccountOfUser,
  readAccounts,
} from "../store/account-rows.ts";
import { unknownUser } from "../store/account-user.ts";
import type { Database } from "../store/database.ts";
import { revokedKeptMs } from "./connection-ends.ts";

/** Who an account is. */
export type AccountIdentity = Pick<KeptAccount, "id" | "provider" | "issuer"> & { readonly providerUserId: string };

/** What the tokens of an account are known by at one issuer. */
export interface AccountSubject {
  /** Configured name. */
  readonly provider: string;
  readonly subject: string;
  /** What it is made of: the account's id, or its user's at the provider. */
  readonly of: "account" | "user";
  /** From when on nothing that was issued until now can be alive, in seconds since the epoch. */
  readonly overAt: number;
}

export interface AccountView {
  readonly id: string;
  readonly provider: string;
  readonly issuer: string;
  readonly user: KeptAccount["user"];
  /** False: its row does not open, and it is nobody's account for that. */
  readonly readable: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly disabledAtMs: number | undefined;
}

/** By its id, or by whom its provider knows. */
export type AccountName = { readonly id: string } | Omit<AccountIdentity, "id">;

export type DisableAnswer =
  | { readonly kind: "disabled" | "disabled_before"; readonly account: AccountIdentity }
  | { readonly kind: "unknown" };
export type EnableAnswer = { readonly kind: "enabled" | "not_disabled"; readonly account: AccountIdentity } | { readonly kind: "unknown" };
/** disabled: its user would be back by a new account, so it is not done. */
export type ForgetAnswer = { readonly kind: "forgotten" | "disabled"; readonly account: AccountIdentity } | { readonly kind: "unknown" };

/** Each throws ExchangeError STORE_UNAVAILABLE. */
export interface AccountOrders {
  /** The next ones in the order of their ids. What does not open is not known. */
  list(page: AccountsPage): Promise<readonly AccountView[]>;
  /** From then on nothing is issued for it, and replicas refuse its tokens, those that its provider issues later as well. */
  disable(name: AccountName): Promise<DisableAnswer>;
  /** Takes that back. What was issued before stays refused. */
  enable(name: AccountName): Promise<EnableAnswer>;
  /** Deletes it and ends what is kept for it, whether or not that opens. Its user's next sign-in makes another one, of another id. */
  forget(id: string): Promise<ForgetAnswer>;
}

export interface AccountOrdersDeps {
  readonly database: Pick<Database, "run" | "transaction">;
  /** All of them open. Empty: nothing can be read. */
  readonly keys: readonly MasterKey[];
  readonly clock: Clock;
  /** All that tokens of it may be known by, at its provider and here. */
  readonly subjectsOf: (account: AccountIdentity, nowMs: number) => readonly AccountSubject[];
}

/** Each further one means that it was disabled, and enabled again, in between. */
const maxAttempts = 3;

/** The end of the year 9999: an account stays disabled until somebody enables it. */
const neverOver = 253_402_300_799;

export function createAccountOrders({ database, keys, clock, subjectsOf }: AccountOrdersDeps): AccountOrders {
  const columns = keys.length === 0 ? undefined : createAccountColumns(keys, () => undefined);

  function find(name: AccountName): Promise<AccountRecord | undefined> {
    if ("id" in name) return readAccount(database, name.id);
    const { provider, issuer, providerUserId } = name;
    return readAccountOfUser(database, { provider, issuer, provider_user_id: providerUserId });
  }

  /** @param until as in AccountStanding */
  function standings(account: AccountIdentity, nowMs: number, until: number | undefined): readonly AccountStanding[] {
    return subjectsOf(account, nowMs).map(({ provider, subject, overAt }) => {
      return { kind: "account", provider, id: subject, until, expiresAt: until === undefined ? neverOver : overAt };
    });
  }

  function view(row: AccountRecord): AccountView {
    const { id, provider, issuer, provider_user_id: providerUserId } = row;
    const user = columns?.openUser(row);
    return {
      id,
      provider,
      issuer,
      user: { providerUserId, ...(user ?? unknownUser) },
      readable: user !== undefined,
      createdAtMs: row.created_at,
      updatedAtMs: row.updated_at,
      disabledAtMs: row.disabled_at ?? undefined,
    };
  }

  return {
    async list(page) {
      return (await readAccounts(database, page)).map(view);
    },
    async disable(name) {
      const row = await find(name);
      if (row === undefined) return { kind: "unknown" };
      const [account, nowMs] = [identityOf(row), Math.floor(clock())];
      const change = { id: account.id, standings: standings(account, nowMs, undefined) };
      const kind = await disableAccount(database, change, nowMs);
      return kind === "unknown" ? { kind } : { kind, account };
    },
    async enable(name) {
      const row = await find(name);
      if (row === undefined) return { kind: "unknown" };
      const account = identityOf(row);
      // By a clock that is behind the one of whoever disabled it, tokens of before would be good again.
      const nowMs = Math.floor(Math.max(clock(), row.disabled_at ?? 0));
      const change = { id: account.id, standings: standings(account, nowMs, Math.floor(nowMs / 1_000)) };
      return { kind: (await enableAccount(database, change)) ? "enabled" : "not_disabled", account };
    },
    async forget(id) {
      const nowMs = Math.floor(clock());
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const row = await readAccount(database, id);
        if (row === undefined) return { kind: "unknown" };
        const account = identityOf(row);
        if (row.disabled_at !== null) return { kind: "disabled", account };
        // What the row says of its user may be somebody's who put it there: nothing is said of that one. Nobody gets this id again.
        const names = subjectsOf(account, nowMs).filter(({ of }) => of === "account");
        const change = { id, standings: names.map(overAndDone), endedUntilMs: nowMs + revokedKeptMs };
        if (await deleteAccount(database, change, nowMs)) return { kind: "forgotten", account };
      }
      throw storeUnavailable({ code: "CONFLICT", outcome: "refused" });
    },
  };
}

/** Whatever was issued under that name, until none of it can be alive. */
function overAndDone({ provider, subject, overAt }: AccountSubject): AccountStanding {
  return { kind: "account", provider, id: subject, until: overAt, expiresAt: overAt };
}

function identityOf({ id, provider, issuer, provider_user_id: providerUserId }: AccountRecord): AccountIdentity {
  return { id, provider, issuer, providerUserId };
}
