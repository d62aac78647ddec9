// One attempt to refresh one generation: intent, send, spool, compare-and-set, and what a failure at each of them leaves behind.

import { ExchangeError, hasReason, type Reason } from "../exchange/errors.ts";
import { checkSameSubject } from "../exchange/same-subject.ts";
import type { Clock } from "../exchange/ports.ts";
import type { RefreshedTokens } from "../exchange/tokens.ts";
import { storeUnavailable } from "../exchange/store-unavailable.ts";
import type { LiveTokens, Wish } from "../exchange/vault-ports.ts";
import { type ConnectionRow, type NextTokens, readConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { loseIntent, type RefreshIntent, withdrawIntent } from "../store/refresh-intents.ts";
import type { Writer } from "../store/stubborn-write.ts";
import type { AnswerKeeper } from "./answer-keeper.ts";
import type { Background } from "./background.ts";
import type { ConnectionColumns, ConnectionContents } from "./connection-columns.ts";
import type { ConnectionEnds } from "./connection-ends.ts";
import { afterRefresh } from "./next-tokens.ts";
import type { TellOrphan } from "./orphaned-token.ts";
import type { OnRefreshStep } from "./refresh-steps.ts";
import type { Spool, SpoolPlace } from "./spool.ts";
import { takeIntent } from "./take-intent.ts";

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

export interface RefreshAttemptDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly spool: Spool;
  readonly keeper: AnswerKeeper;
  readonly ends: ConnectionEnds;
  readonly tellOrphan: TellOrphan;
  readonly write: Writer;
  readonly background: Background;
  readonly clock: Clock;
  /** Unguessable, a new one each time. */
  readonly freshCall: () => string;
  readonly onStep: OnRefreshStep;
}

export interface RefreshAttemptOptions {
  readonly idleMs: number;
  /** An intent that is older sends nothing any more: others may be about to give it up. */
  readonly sendWithinMs: () => number;
  /** When it is to be refreshed in the background; null: never. */
  readonly dueAtMs: (row: ConnectionRow, tokens: ConnectionContents) => number | null;
}

export interface Asking extends Wish {
  /** False: in the background, which is no use of it. */
  readonly isUse: boolean;
}

export interface Held {
  readonly row: ConnectionRow;
  readonly contents: ConnectionContents;
  readonly attempt: number;
}

export interface RefreshAttempt {
  /**
   * Undefined: somebody else was first.
   * @throws what sending throws; ExchangeError STORE_UNAVAILABLE
   */
  make(held: Held, asking: Asking): Promise<LiveTokens | undefined>;
  /** Whoever was to send will not come back. @throws ExchangeError STORE_UNAVAILABLE */
  giveUp(intent: RefreshIntent): Promise<void>;
}

export function createRefreshAttempt(deps: RefreshAttemptDeps, options: RefreshAttemptOptions): RefreshAttempt {
  const { database, columns, spool, keeper, ends, write, background, clock, onStep } = deps;

  /** In the process's own turn: nothing comes between it and the first byte. */
  function aboutToSend(intent: RefreshIntent, place: SpoolPlace): void {
    // A process that slept finds that others have given it up, or are about to.
    if (clock() >= intent.created_at + options.sendWithinMs()) throw new ExchangeError("UPSTREAM_TIMEOUT");
    spool.sending(place);
    onStep("sending", place);
  }

  async function make({ row, contents, attempt }: Held, asking: Asking): Promise<LiveTokens | undefined> {
    const { refreshToken } = contents.grant;
    if (refreshToken === undefined) return undefined;
    const place: SpoolPlace = { connection: row.id, generation: row.generation, attempt };
    const intent: RefreshIntent = {
      connection_id: row.id,
      generation: row.generation,
      attempt,
      spool: spool.name,
      call: deps.freshCall(),
      created_at: clock(),
      outcome: null,
    };
    if (!(await takeIntent(database, background, intent))) return undefined;
    onStep("intended", place);
    let sent = false;
    let fresh: RefreshedTokens;
    try {
      fresh = await asking.send(refreshToken, () => {
        aboutToSend(intent, place);
        sent = true;
      });
      checkSameSubject(contents.grant.subject, fresh);
    } catch (failure) {
      return failed({ row, place, intent, sent }, failure);
    }
    onStep("answered", place);
    const next = afterRefresh(contents, fresh);
    if (!(await keeper.keep(place, rowOf(row, next, asking)))) {
      if (fresh.refreshToken !== undefined) await deps.tellOrphan(row, next.grant);
      return undefined;
    }
    return { tokens: { ...next.tokens, refreshToken: next.grant.refreshToken }, generation: row.generation + 1 };
  }

  function rowOf(row: ConnectionRow, next: ConnectionContents, { isUse }: Asking): NextTokens {
    const nowMs = clock();
    const place = { ...row, generation: row.generation + 1 };
    return {
      generation: place.generation,
      ...columns.seal(place, next),
      refreshed_at: nowMs,
      due_at: options.dueAtMs(row, next),
      ...(isUse ? { used_at: nowMs, expires_at: nowMs + options.idleMs } : {}),
    };
  }

  /** Undefined: somebody else's answer is there. */
  async function failed({ row, place, intent, sent }: Failed, failure: unknown): Promise<undefined> {
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
  }

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

  return {
    make,
    async giveUp(intent) {
      await loseIntent(database, intent);
    },
  };
}

interface Failed {
  readonly row: ConnectionRow;
  readonly place: SpoolPlace;
  readonly intent: RefreshIntent;
  /** Something may have left. */
  readonly sent: boolean;
}
