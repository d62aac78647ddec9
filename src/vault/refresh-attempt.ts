// One attempt to refresh one generation: intent, send, spool, compare-and-set. What a failure leaves behind is failed-attempt.ts.

import { ExchangeError } from "../exchange/errors.ts";
import { checkSameSubject } from "../exchange/same-subject.ts";
import type { Clock } from "../exchange/ports.ts";
import type { RefreshedTokens } from "../exchange/tokens.ts";
import type { LiveTokens, Wish } from "../exchange/vault-ports.ts";
import type { ConnectionRow, NextTokens } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import type { RefreshIntent } from "../store/refresh-intents.ts";
import type { Background } from "./background.ts";
import type { ConnectionColumns, ConnectionContents } from "./connection-columns.ts";
import type { SettleFailure } from "./failed-attempt.ts";
import type { KeepAnswer } from "./keep-answer.ts";
import { afterRefresh } from "./next-tokens.ts";
import type { TellOrphan } from "./orphaned-token.ts";
import type { OnRefreshStep } from "./refresh-steps.ts";
import type { Spool, SpoolPlace } from "./spool.ts";
import { takeIntent } from "./take-intent.ts";

export interface RefreshAttemptDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly spool: Spool;
  readonly keepAnswer: KeepAnswer;
  readonly settle: SettleFailure;
  readonly tellOrphan: TellOrphan;
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

/** One generation, as it was read. */
export interface Opened {
  readonly row: ConnectionRow;
  readonly contents: ConnectionContents;
  readonly attempt: number;
}

/**
 * Undefined: somebody else was first.
 * @throws what sending throws; ExchangeError STORE_UNAVAILABLE
 */
export type RefreshAttempt = (opened: Opened, asking: Asking) => Promise<LiveTokens | undefined>;

export function createRefreshAttempt(deps: RefreshAttemptDeps, options: RefreshAttemptOptions): RefreshAttempt {
  const { database, columns, spool, keepAnswer, settle, background, clock, onStep } = deps;

  /** In the process's own turn: nothing comes between it and the first byte. */
  function aboutToSend(intent: RefreshIntent, place: SpoolPlace): void {
    // A process that slept finds that others have given it up, or are about to.
    if (clock() >= intent.created_at + options.sendWithinMs()) throw new ExchangeError("UPSTREAM_TIMEOUT");
    spool.sending(place);
    onStep("sending", place);
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

  return async function refreshAttempt({ row, contents, attempt }, asking) {
    // 1. The right to send: an intent that is committed, and is nobody else's.
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

    // 2. Send, once.
    let sent = false;
    let fresh: RefreshedTokens;
    try {
      fresh = await asking.send(refreshToken, () => {
        aboutToSend(intent, place);
        sent = true;
      });
      checkSameSubject(contents.grant.subject, fresh);
    } catch (failure) {
      return settle({ row, place, intent, sent }, failure);
    }
    onStep("answered", place);

    // 3. Into the spool, then the compare-and-set.
    const next = afterRefresh(contents, fresh);
    if (!(await keepAnswer(place, rowOf(row, next, asking)))) {
      if (fresh.refreshToken !== undefined) await deps.tellOrphan(row, next.grant);
      return undefined;
    }

    // 4. Answer.
    return { tokens: { ...next.tokens, refreshToken: next.grant.refreshToken }, generation: row.generation + 1 };
  };
}
