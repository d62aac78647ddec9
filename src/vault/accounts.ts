// Accounts: whoever signs in at a provider becomes one, and stays the same one by the issuer's own id of the user, whatever e-mail
// address or name they have by then. A row that does not open is nobody's account: whoever writes to the table could have put somebody
// else's under a name of his. Disabling one, and forgetting one, is account-orders.ts.

import { randomUUID } from "node:crypto";
import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { Accounts, AccountsProvider, KeptAccount } from "../exchange/vault-ports.ts";
import type { MasterKey } from "../sealing/master-keys.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import { createAccountColumns } from "../store/account-columns.ts";
import {
  type AccountKey,
  type AccountRecord,
  insertAccount,
  readAccount,
  readAccountOfUser,
  updateAccount,
} from "../store/account-rows.ts";
import { type AccountUser, boundedUser } from "../store/account-user.ts";
import type { Database } from "../store/database.ts";

/** Characters. OpenID Connect Core §2 has 255. */
const maxIdLength = 256;
/** Whoever is not first finds the row of whoever was; more happens only where rows are deleted at the same moment. */
const maxAttempts = 3;

export interface AccountsDeps {
  readonly database: Pick<Database, "run">;
  /** The first seals, all of them open. */
  readonly keys: readonly MasterKey[];
  readonly clock: Clock;
  readonly onAlarm: OnAlarm;
  /** Makes the id of a new account. Nobody can guess one, and none is made twice. */
  readonly random?: () => string;
}

export function createAccounts({ database, keys, clock, onAlarm, random = randomUUID }: AccountsDeps): Accounts {
  const columns = createAccountColumns(keys, onAlarm);

  /** What its row says is believed of a row that opens only. */
  function opened(row: AccountRecord): KeptAccount {
    const user = columns.openUser(row);
    if (user === undefined) throw storeUnavailable({ code: "UNREADABLE", outcome: "refused" });
    return keptAccount(row, user);
  }

  return {
    async signedIn(provider, said) {
      if (!isStorable(said.providerUserId)) throw new ExchangeError("UPSTREAM_INVALID_RESPONSE");
      const key = keyOf(provider, said.providerUserId);
      const user = boundedUser(said);
      const nowMs = Math.floor(clock());
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const found = await readAccountOfUser(database, key);
        if (found !== undefined) opened(found);
        // The bytes are bound to the id, so it is known before anything is sealed; who makes the same user's row first decides it.
        const place = { id: found?.id ?? random(), ...key };
        const news = { sealed_user: columns.sealUser(place, user), updated_at: nowMs };
        if (found === undefined) {
          const row = { ...place, ...news, created_at: nowMs, disabled_at: null };
          if (await insertAccount(database, row)) return keptAccount(row, user);
        } else {
          const row = await updateAccount(database, { id: found.id, ...news });
          if (row !== undefined) return keptAccount(row, user);
        }
      }
      throw storeUnavailable({ code: "CONFLICT", outcome: "refused" });
    },
    async find(id) {
      const row = isStorable(id) ? await readAccount(database, id) : undefined;
      return row === undefined ? undefined : opened(row);
    },
    async findByUser(provider, userId) {
      const row = isStorable(userId) ? await readAccountOfUser(database, keyOf(provider, userId)) : undefined;
      return row === undefined ? undefined : opened(row);
    },
  };
}

function keyOf({ name, issuer }: AccountsProvider, providerUserId: string): AccountKey {
  return { provider: name, issuer, provider_user_id: providerUserId };
}

function keptAccount(row: AccountRecord, user: AccountUser): KeptAccount {
  const { id, provider, issuer, provider_user_id: providerUserId, disabled_at: disabledAt } = row;
  return { id, provider, issuer, user: { providerUserId, ...user }, disabled: disabledAt !== null };
}

/**
 * What the databases keep as it is. Half a surrogate pair would be stored as U+FFFD, so that two users met in one account; a NUL is
 * an error in one of them, and no provider means any other control character.
 */
function isStorable(id: string): boolean {
  return id !== "" && id.length <= maxIdLength && id.isWellFormed() && !/\p{Cc}/u.test(id);
}
