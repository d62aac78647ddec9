// The sealed column of an account's row: bound to the account, its provider, that one's issuer and its own id of the user, so that a
// row which was given to another user does not open. What does not open was not written here, or under a key that is gone.

import type { MasterKey } from "../sealing/master-keys.ts";
import { createSealer } from "../sealing/sealer.ts";
import type { OnAlarm } from "../sealing/tamper-alarm.ts";
import type { AccountRecord } from "./account-rows.ts";
import { type AccountUser, decodeAccountUser, encodeAccountUser } from "./account-user.ts";
import { associatedData, sealedColumns } from "./sealed-columns.ts";

const { accountUser } = sealedColumns;

/** What the sealed column is bound to. */
export type AccountPlace = Pick<AccountRecord, "id" | "provider" | "issuer" | "provider_user_id">;

export interface AccountColumns {
  sealUser(place: AccountPlace, user: AccountUser): Uint8Array;
  /** Undefined, and an alarm: it was tampered with, or its key was taken out. */
  openUser(row: AccountRecord): AccountUser | undefined;
}

/** The first key seals, all of them open. */
export function createAccountColumns(keys: readonly MasterKey[], onAlarm: OnAlarm): AccountColumns {
  const sealer = createSealer(keys, accountUser.purpose);
  return {
    sealUser: (place, user) => sealer.seal(encodeAccountUser(user), associatedData(accountUser, place)),
    openUser(row) {
      // Whoever writes to a SQLite file may put a text there: it opens as little as any other foreign bytes.
      const bytes = row.sealed_user instanceof Uint8Array ? sealer.open(row.sealed_user, associatedData(accountUser, row)) : undefined;
      const user = bytes === undefined ? undefined : decodeAccountUser(bytes);
      if (user === undefined) onAlarm({ kind: "unreadable", store: "accounts" });
      return user;
    },
  };
}
