// What an attempt to refresh leaves behind that got no answer: whether the refresh token may have been spent, and whether the connection
// goes on. What cannot be written now is written when the database is back.

import { ExchangeError, hasReason, type Reason } from "../exchange/errors.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import { type ConnectionRow, readConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { loseIntent, type RefreshIntent, withdrawIntent } from "../store/refresh-intents.ts";
import type { Writer } from "../store/stubborn-write.ts";
import type { Background } from "./background.ts";
import type { ConnectionEnds } from "./connection-ends.ts";
import type { Spool, SpoolPlace } from "./spool.ts";

/** After these the provider's token is as good as before: nothing left, or the provider turned down the request and not the token. */
const spentNothing: ReadonlySet<Reason> = new Set<Reason>([
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_TIMEOUT",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_REJECTED_CLIENT",
  "UPSTREAM_INVALID_RESPONSE",
  "SCOPE_NOT_ALLOWED",
  "TARGET_NOT_ALLOWED",
]);

export interface FailedAttempt {
  readonly row: ConnectionRow;
  readonly place: SpoolPlace;
  readonly intent: RefreshIntent;
  /** Something may have left. */
  readonly sent: boolean;
}

/** Undefined: somebody else's answer is there. @throws the failure; ExchangeError STORE_UNAVAILABLE: whether it has ended is not certain */
export type SettleFailure = (failed: FailedAttempt, failure: unknown) => Promise<undefined>;

export interface SettleFailureDeps {
  readonly database: Database;
  readonly spool: Spool;
  readonly ends: ConnectionEnds;
  readonly write: Writer;
  readonly background: Background;
}

export function createSettleFailure({ database, spool, ends, write, background }: SettleFailureDeps): SettleFailure {
  async function hasMovedOn({ id, generation }: ConnectionRow): Promise<boolean> {
    const now = await readConnection(database, id);
    return now !== undefined && now.ended_at === null && now.generation > generation;
  }

  /** What cannot be written now is written when the database is back; until then, which is false, the intent is in doubt. */
  async function surely(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await write(work);
      return true;
    } catch {
      background.add(work);
      return false;
    }
  }

  return async function settle({ row, place, intent, sent }, failure) {
    const reason = failure instanceof ExchangeError ? failure.reason : undefined;
    if (!sent || (reason !== undefined && spentNothing.has(reason))) {
      // The mark first: once the intent is gone, the place may be another call's. Where this process dies in between, nothing counts as sent.
      await spool.forget(place);
      await surely(() => withdrawIntent(database, intent));
      throw failure;
    }
    const rejected = hasReason(failure, "REAUTHENTICATION_REQUIRED");
    let moved = false;
    const settled = await surely(async () => {
      // Whoever lost a race at the provider, or slept until others had given it up, must not end what they have stored, nor say that it ended.
      moved = await hasMovedOn(row);
      if (rejected && !moved) await ends.end(row, "rejected");
      // It may have been spent: what that means is decided by whoever asks next.
      await loseIntent(database, intent);
      await spool.forget(place);
    });
    if (moved) return undefined;
    throw rejected && !settled ? storeUnavailable({ code: "AWAY", outcome: "unknown" }) : failure;
  };
}
