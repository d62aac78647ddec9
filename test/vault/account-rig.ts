// Accounts as the tests of several rooms make them: users of a provider, and a replica that keeps them.

import type { Account } from "../../src/exchange/account.ts";
import type { AccountsProvider } from "../../src/exchange/vault-ports.ts";
import type { MasterKey } from "../../src/sealing/master-keys.ts";
import type { TamperAlarm } from "../../src/sealing/tamper-alarm.ts";
import type { Database } from "../../src/store/database.ts";
import { type AccountsDeps, createAccounts } from "../../src/vault/accounts.ts";
import { type FrozenClock, frozenClock, masterKey } from "../cache/fixtures.ts";

export function userOf(providerUserId: string, given: Partial<Account> = {}): Account {
  return {
    providerUserId,
    username: "ada",
    displayName: "Ada Lovelace 🦊",
    email: "ada@example.com",
    emailVerified: true,
    avatarUrl: "https://cdn.example/ada.png",
    ...given,
  };
}

/** Whoever has that name, unless it is somebody else's by now. */
export const providerOf = (name: string, issuer = `https://${name}.example`): AccountsProvider => ({ name, issuer });

/** What nobody could read. */
export const unreadUser = (providerUserId: string): Account =>
  userOf(providerUserId, { username: "", displayName: "", email: "", emailVerified: false, avatarUrl: "" });

export function accountsOn(database: Pick<Database, "run">, given: Partial<Omit<AccountsDeps, "clock">> & { clock?: FrozenClock } = {}) {
  const alarms: TamperAlarm[] = [];
  const clock = given.clock ?? frozenClock();
  const keys: readonly MasterKey[] = [masterKey("k")];
  const deps = { database, keys, onAlarm: (alarm: TamperAlarm) => void alarms.push(alarm), ...given, clock };
  return { accounts: createAccounts(deps), alarms, clock };
}
