// Refreshes one provider's connections that are due: one replica at a time where that can be had, evenly, and within the rate and the number
// at one time that its operator allows. How one is refreshed, and that nothing is sent twice, is live-tokens.ts.

import { ExchangeError, hasReason, type Reason } from "../exchange/errors.ts";
import type { SendRefresh, Wish } from "../exchange/vault-ports.ts";
import { untilItsEnd } from "../exchange/waiting.ts";
import type { Database } from "../store/database.ts";
import { type DueConnection, postponeConnection, readDueConnections } from "../store/due-connections.ts";
import type { HeldLease } from "./held-lease.ts";
import { createPace, type PaceDeps } from "./pace.ts";
import { postponementAfter } from "./postponement.ts";
import type { TokensOf } from "./live-tokens.ts";
import { createRefusals, isCountedRefusal } from "./refusals.ts";

/** Rows that are read in one go: at the usual rate some ten seconds of work. */
const batchRows = 100;
/** Waiting for somebody else's refresh of the same connection ends after this. */
const waitLimitMs = 30_000;
/**
 * The most for which a provider is left alone because of one connection: some count requests by user, and one user's must not stop
 * everybody's. What it says to a second one counts in full.
 */
const firstPauseMs = 30_000;
/** How long a provider is left alone that turns down too much. */
const refusedPauseMs = 120_000;

/** A provider as it is asked in the background. */
export interface Sender extends Pick<Wish, "issuer" | "lostAnswer"> {
  readonly send: SendRefresh;
  /** Starts per second, over all replicas. */
  readonly perSecond: number;
  readonly atOnce: number;
}

export interface KeptOutcome {
  readonly connection: DueConnection;
  readonly outcome: Reason | "OK";
  /** Undefined: there was none. */
  readonly failure: unknown;
}

export interface ProviderKeeperDeps extends PaceDeps {
  readonly database: Database;
  readonly tokensOf: TokensOf;
  readonly lease: HeldLease;
  /** Of the configuration in force; undefined: it is not in it. */
  readonly sender: () => Sender | undefined;
  /** 0 to 1. */
  readonly chance: () => number;
  /** Once for each refresh that was tried. Not for those that somebody else had done. */
  readonly onOutcome: (outcome: KeptOutcome) => void;
  /** How late the oldest one is that is due. */
  readonly onLag: (ms: number) => void;
  /** A mistake of ours, or of the database. */
  readonly onFailure: (failure: unknown) => void;
  /** It turned down so much that it is left alone for some time. */
  readonly onRefused: (pauseMs: number) => void;
}

export interface ProviderKeeper {
  /** Starts what is due, and what becomes due meanwhile. @throws ExchangeError STORE_UNAVAILABLE */
  round(signal: AbortSignal): Promise<void>;
  /** Waits for what is under way, and lets another replica go on. */
  close(): Promise<void>;
}

export function createProviderKeeper(deps: ProviderKeeperDeps, provider: string): ProviderKeeper {
  const { database, clock, tokensOf, lease, sender: senderNow, chance, onOutcome, onLag, onRefused, onFailure } = deps;
  const underWay = new Map<string, Promise<void>>();
  const [starts, sends] = [createPace(deps), createPace(deps)];
  const refusals = createRefusals();
  let pausedUntilMs = -Infinity;
  /** Whose refresh was the last to be told to come later, since one succeeded. */
  let limitedBy: string | undefined;

  /** Not under way here, oldest first. */
  async function due(): Promise<readonly DueConnection[]> {
    const nowMs = clock();
    const found = await readDueConnections(database, { provider, nowMs, limit: batchRows + underWay.size });
    const left = found.filter(({ id }) => !underWay.has(id));
    onLag(left[0] === undefined ? 0 : nowMs - left[0].due_at);
    return left;
  }

  async function isMyTurn({ perSecond, atOnce }: Sender, signal: AbortSignal): Promise<boolean> {
    while (underWay.size >= atOnce) await Promise.race(underWay.values());
    await starts(perSecond, signal).catch(() => undefined);
    await lease.hold();
    return !signal.aborted && clock() >= pausedUntilMs && lease.isHeld();
  }

  async function refresh(row: DueConnection, sender: Sender): Promise<void> {
    let asked = false;
    const send: SendRefresh = async (refreshToken, onSending) => {
      // Between the start and this the database may have hung: what waited for it must not all be sent at the same moment.
      await sends(sender.perSecond, untilItsEnd);
      asked = true;
      return sender.send(refreshToken, onSending);
    };
    const { issuer, lostAnswer } = sender;
    const wish = { issuer, beyond: row.generation, lostAnswer, isUse: false, send };
    try {
      await tokensOf(row.id, wish, AbortSignal.timeout(waitLimitMs));
    } catch (failure) {
      if (asked) noteAnswer(isCountedRefusal(failure));
      await postpone(row, failure);
      return onOutcome({ connection: row, outcome: failure instanceof ExchangeError ? failure.reason : "INTERNAL", failure });
    }
    if (!asked) return undefined;
    limitedBy = undefined;
    noteAnswer(false);
    return onOutcome({ connection: row, outcome: "OK", failure: undefined });
  }

  function noteAnswer(refused: boolean): void {
    if (!refusals.note(refused)) return;
    pause(refusedPauseMs);
    onRefused(refusedPauseMs);
  }

  function pause(ms: number): void {
    pausedUntilMs = Math.max(pausedUntilMs, clock() + ms);
  }

  async function postpone(row: DueConnection, failure: unknown): Promise<void> {
    const { connectionMs, providerMs } = postponementAfter(failure);
    if (providerMs > 0) pause(limitedBy === undefined || limitedBy === row.id ? Math.min(providerMs, firstPauseMs) : providerMs);
    if (hasReason(failure, "UPSTREAM_RATE_LIMITED")) limitedBy = row.id;
    // What failed together is not tried again together. Where this cannot be written it is tried again after the pause.
    await postponeConnection(database, row, Math.round(clock() + connectionMs * (1 + chance()))).catch((lost: unknown) => {
      if (!hasReason(lost, "STORE_UNAVAILABLE")) throw lost;
      pause(postponementAfter(lost).providerMs);
    });
  }

  return {
    async round(signal) {
      for (let rows = await due(); rows.length > 0; rows = await due()) {
        for (const row of rows) {
          const sender = senderNow();
          if (sender === undefined || clock() < pausedUntilMs || !(await lease.hold())) return;
          if (!(await isMyTurn(sender, signal))) return;
          underWay.set(
            row.id,
            refresh(row, sender)
              .catch(onFailure)
              .finally(() => underWay.delete(row.id)),
          );
        }
      }
    },
    async close() {
      await Promise.all(underWay.values());
      await lease.giveBack();
    },
  };
}
