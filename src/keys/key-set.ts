// The keys of one issuer: fetched when needed, kept while fresh, kept on for a bounded time when the issuer does not answer.
// One per issuer, with nothing in common between them. How a set is fetched is given; what its keys are is key-index.ts.

import { coolDownAfter } from "../exchange/cool-down.ts";
import { ExchangeError, type Reason } from "../exchange/errors.ts";
import type { Clock } from "../exchange/ports.ts";
import { waitBriefly, waitFor } from "../exchange/waiting.ts";
import type { VerificationKey } from "./import-jwk.ts";
import { indexKeys, type KeyIndex, type WantedKey } from "./key-index.ts";

export interface KeySetDeps {
  /** Bounded in size and time by net/. @throws ExchangeError UPSTREAM_* */
  readonly fetchJwks: (signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  readonly onEvent?: (event: KeySetEvent) => void;
}

export type KeySetEvent =
  | { readonly kind: "fetched"; readonly keys: number; readonly dropped: number }
  | { readonly kind: "failed"; readonly reason: Reason };

export interface KeySetOptions {
  /** Until this age a set is used without asking. Default: 10 min. */
  readonly freshMs?: number;
  /** Until this age a set is used when no newer one can be had. Default: 1 h. */
  readonly lastGoodMs?: number;
  /** Between two attempts, failed ones included: no token can make us ask more often. Default: 30 s. */
  readonly cooldownMs?: number;
  /** How long a call with an aged set waits for a newer one before it goes on with the one at hand. Default: 1 s. */
  readonly agedWaitMs?: number;
}

export type KeyAnswer = { readonly kind: "found"; readonly key: VerificationKey } | { readonly kind: "unknown" };

export interface KeySet {
  /** The one key that is meant, where it is known without asking anybody. Undefined: `find` decides. */
  atHand(wanted: WantedKey): VerificationKey | undefined;
  /**
   * The one key that is meant. `unknown` is decided by the issuer's present set.
   * @throws ExchangeError UPSTREAM_* as the fetch failed, DEADLINE_EXCEEDED: cannot decide
   */
  find(wanted: WantedKey, signal: AbortSignal): Promise<KeyAnswer>;
  /**
   * Asks for a newer set, for a token that does not fit the present one; within the cool-down it changes nothing.
   * @throws ExchangeError UPSTREAM_* as the last fetch failed, DEADLINE_EXCEEDED: cannot decide
   */
  renew(signal: AbortSignal): Promise<void>;
  /** Returns once there is a set to find keys in. @throws as `find` does */
  ready(signal: AbortSignal): Promise<void>;
}

/** Should the given fetch forget its own limit, the longest that a configuration allows is one minute. */
const fetchLimitMs = 60_000;

/** The least wait that anyone is told: at the very end of a cool-down, zero would bring all of them back in one instant. */
const minRetryAfterMs = 1_000;

/** A withdrawn key is believed for no longer than this; a new one need not wait for it, as an unknown key id asks at once. */
const defaultFreshMs = 600_000;
/** An outage of the issuer is bridged for this long, and a key that it wanted to withdraw meanwhile is believed as long. */
const defaultLastGoodMs = 3_600_000;
/** Two fetches a minute are no load to any issuer, and a new key is found after half of one. */
const defaultCooldownMs = 30_000;
/** Enough for an issuer that answers; one that hangs costs each call no more than this. */
const defaultAgedWaitMs = 1_000;

/** An attempt to fetch; `failure` is undefined while it runs and when it succeeded. */
interface Attempt {
  readonly startedAtMs: number;
  failure?: ExchangeError;
}

export function createKeySet(deps: KeySetDeps, options: KeySetOptions = {}): KeySet {
  const { freshMs = defaultFreshMs, lastGoodMs = defaultLastGoodMs } = options;
  const { cooldownMs = defaultCooldownMs, agedWaitMs = defaultAgedWaitMs } = options;
  let set: { readonly index: KeyIndex; readonly fetchedAtMs: number } | undefined;
  let attempt: Attempt | undefined;
  let flight: Promise<void> | undefined;

  /** Without a sign: should the clock be set back by a day, nothing stays fresh for a day. */
  const age = (sinceMs: number): number => Math.abs(deps.clock() - sinceMs);

  function coolDownOf({ failure }: Attempt): number {
    return failure === undefined ? cooldownMs : coolDownAfter(failure, cooldownMs);
  }

  /** The fetch under way, else a new one, else nothing: the last attempt is too recent. It never rejects. */
  function refetch(): Promise<void> | undefined {
    if (flight !== undefined || (attempt !== undefined && age(attempt.startedAtMs) < coolDownOf(attempt))) return flight;
    const current: Attempt = { startedAtMs: deps.clock() };
    attempt = current;
    flight = fetchOnce(current).finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function fetchOnce(current: Attempt): Promise<void> {
    try {
      const index = indexKeys(await deps.fetchJwks(AbortSignal.timeout(fetchLimitMs)));
      // A set without a usable key says nothing about tokens: it is a broken answer, not a verdict on all of them.
      if (index === undefined) throw new ExchangeError("UPSTREAM_INVALID_RESPONSE");
      set = { index, fetchedAtMs: deps.clock() };
      deps.onEvent?.({ kind: "fetched", keys: index.size, dropped: index.dropped });
    } catch (failure) {
      current.failure = failure instanceof ExchangeError ? failure : new ExchangeError("INTERNAL", { cause: failure });
      deps.onEvent?.({ kind: "failed", reason: current.failure.reason });
    }
  }

  function freshIndex(): KeyIndex | undefined {
    return set !== undefined && age(set.fetchedAtMs) < freshMs ? set.index : undefined;
  }

  /** A set to decide with, as new as can be had. */
  async function usableIndex(signal: AbortSignal): Promise<KeyIndex> {
    const fresh = freshIndex();
    if (fresh !== undefined) return fresh;
    const newer = refetch();
    const aged = lastGood();
    if (newer !== undefined) await waitFor(aged === undefined ? newer : waitBriefly(newer, agedWaitMs), signal);
    const index = lastGood();
    if (index === undefined) throw cannotDecide();
    return index;
  }

  function lastGood(): KeyIndex | undefined {
    return set !== undefined && age(set.fetchedAtMs) < lastGoodMs ? set.index : undefined;
  }

  /** A new error each time: the remaining wait differs. */
  function cannotDecide(): ExchangeError {
    const retryAfterMs = attempt === undefined ? cooldownMs : Math.max(coolDownOf(attempt) - age(attempt.startedAtMs), minRetryAfterMs);
    return new ExchangeError(attempt?.failure?.reason ?? "UPSTREAM_UNAVAILABLE", { retryAfterMs, cause: attempt?.failure });
  }

  async function newest(signal: AbortSignal): Promise<void> {
    const newer = refetch();
    if (newer !== undefined) await waitFor(newer, signal);
  }

  return {
    atHand: (wanted) => freshIndex()?.lookUp(wanted),

    async find(wanted, signal) {
      const known = (await usableIndex(signal)).lookUp(wanted);
      if (known !== undefined) return { kind: "found", key: known };

      // An unknown key may be a new one: ask again, once per cool-down however many tokens come.
      await newest(signal);
      const key = lastGood()?.lookUp(wanted);
      if (key !== undefined) return { kind: "found", key };
      if (attempt?.failure !== undefined) throw cannotDecide();
      return { kind: "unknown" };
    },

    async renew(signal) {
      await newest(signal);
      if (attempt?.failure !== undefined) throw cannotDecide();
    },

    async ready(signal) {
      await usableIndex(signal);
    },
  };
}
