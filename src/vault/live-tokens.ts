// A connection's tokens, and how one generation becomes the next. The committed intent authorises, the spool remembers, the compare-and-set
// on the row decides; nothing in this process does. A refresh token is sent again only where it is known that it was not spent, or
// where its provider is said to take it twice.

import { ExchangeError } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import type { LiveTokens } from "../exchange/vault-ports.ts";
import { waitFor } from "../exchange/waiting.ts";
import { type ConnectionRow, readConnection, touchConnection } from "../store/connection-rows.ts";
import type { Database } from "../store/database.ts";
import { loseIntent, readIntents } from "../store/refresh-intents.ts";
import type { ConnectionColumns, ConnectionContents } from "./connection-columns.ts";
import type { ConnectionEnds } from "./connection-ends.ts";
import { lasts } from "./next-tokens.ts";
import type { Asking, RefreshAttempt } from "./refresh-attempt.ts";
import { whoMaySend } from "./who-may-send.ts";

/** How often a connection that somebody else refreshes is looked at: a refresh takes about as long as the first few looks. */
const firstLookMs = 20;
const maxLookMs = 500;

/** How exactly it is known when a connection was used last. */
const touchEveryMs = 600_000;

/** Whoever is told to come back looks this often whether the answer was found. */
const inDoubtRetryMs = 5_000;

export interface LiveTokensDeps {
  readonly database: Database;
  readonly columns: ConnectionColumns;
  readonly attempt: RefreshAttempt;
  readonly ends: ConnectionEnds;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
}

export interface LiveTokensOptions {
  /** A connection that was not used for so long ends. */
  readonly idleMs: number;
  readonly inDoubtMs: number;
  /** The longest that a refresh takes, from its intent to its answer in the database. */
  readonly refreshMs: () => number;
}

export function createLiveTokens(deps: LiveTokensDeps, options: LiveTokensOptions) {
  const { database, columns, attempt, ends, clock, wait } = deps;

  /** Bounded by `signal`: each round waits for somebody who may ask the provider, or is the one who may. See Connection.tokens. */
  return async function tokensOf(id: string, asking: Asking, signal: AbortSignal): Promise<LiveTokens> {
    for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, maxLookMs)) {
      if (signal.aborted) throw new ExchangeError("DEADLINE_EXCEEDED");

      // 1. What is kept: it may be all that is wanted, or somebody else's answer by now.
      const row = await readConnection(database, id);
      if (row === undefined || row.ended_at !== null || clock() >= row.expires_at) throw over();
      const contents = columns.open(row);
      // Its provider's name is another one's by now: that one is neither shown its tokens, nor are they taken for its.
      if (contents === undefined || contents.grant.issuer !== asking.issuer) throw over();
      if (isEnough(row, contents, asking)) return used(row, contents, asking);

      // 2. Who may send: whoever commits the next intent, and nobody while an earlier one has no outcome.
      const sender = whoMaySend(await readIntents(database, row), {
        nowMs: clock(),
        refreshMs: options.refreshMs(),
        inDoubtMs: options.inDoubtMs,
        lostAnswer: asking.lostAnswer,
      });
      switch (sender.kind) {
        case "free": {
          if (contents.grant.refreshToken === undefined) throw await notRefreshable(row, contents);
          const refreshed = await attempt({ row, contents, attempt: sender.attempt }, asking);
          if (refreshed !== undefined) return refreshed;
          break;
        }
        case "under_way":
          await waitFor(wait(lookMs), signal);
          break;
        case "in_doubt":
          throw new ExchangeError("UPSTREAM_UNAVAILABLE", { retryAfterMs: Math.min(sender.leftMs, inDoubtRetryMs), unasked: true });
        case "given_up":
          await loseIntent(database, sender.intent);
          break;
        case "over":
          await ends.end(row, "in_doubt");
          break;
      }
    }
  };

  async function used(row: ConnectionRow, { grant, tokens }: ConnectionContents, { isUse }: Asking): Promise<LiveTokens> {
    const nowMs = clock();
    if (isUse && nowMs >= row.used_at + touchEveryMs) {
      // That it was used is worth less than its use.
      await touchConnection(database, row.id, { used_at: nowMs, expires_at: nowMs + options.idleMs }).catch(() => undefined);
    }
    return { tokens: { ...tokens, refreshToken: grant.refreshToken }, generation: row.generation };
  }

  /** The provider gave nothing to refresh it with. It lives as long as what it gave. */
  async function notRefreshable(row: ConnectionRow, contents: ConnectionContents): Promise<ExchangeError> {
    if (!lasts(contents, clock())) await ends.end(row, "rejected");
    return over();
  }

  function isEnough({ generation }: ConnectionRow, contents: ConnectionContents, { beyond }: Asking): boolean {
    return beyond === undefined ? lasts(contents, clock()) : generation > beyond;
  }
}

export type TokensOf = ReturnType<typeof createLiveTokens>;

function over(): ExchangeError {
  return new ExchangeError("REAUTHENTICATION_REQUIRED");
}
