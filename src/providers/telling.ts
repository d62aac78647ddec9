// Telling providers what was revoked, until they have heard it: at once, and then again in the background at growing intervals.
// What waits is kept in a queue (store/ or cache/), from which replicas take in turn; what a provider answers is revocation.ts.

import { createHash } from "node:crypto";
import { ExchangeError, hasReason } from "../exchange/errors.ts";
import type { Clock, UpstreamRevocations } from "../exchange/ports.ts";
import type { Provider } from "../exchange/provider-ports.ts";
import type { TakenTelling, Telling as About, TellingQueue } from "../exchange/revocation-ports.ts";
import { waitFor } from "../exchange/waiting.ts";

/** Who revokes waits this long for the provider: most answer by then, and for the others nobody needs to wait. */
const atOnceMs = 2_000;
/** Shorter than `tellingLeaseMs`, so that a telling is given back by whoever took it. A provider's own limit is 10 s as a rule. */
const attemptLimitMs = 120_000;
/** First attempts under way. Above this a telling waits for the background. */
const maxAtOnce = 64;
const lookEveryMs = 1_000;
/** Taken from the queue in one go; told one after the other per provider. */
const batchSize = 50;
const firstWaitMs = 1_000;
const longestWaitMs = 300_000;
/** Tokens that a provider has heard of from here, about 100 bytes each: whoever revokes one of the latest again causes no call. */
const maxTold = 10_000;

/** For the log. `refused` and `no_endpoint`: the provider will not be told. `expired`: nor these, it was away for too long. */
export type TellingEvent =
  | { readonly kind: "refused" | "no_endpoint"; readonly provider: string; readonly failure?: ExchangeError }
  | { readonly kind: "expired"; readonly count: number };

export interface TellingParts {
  readonly queue: TellingQueue;
  /** By configured name. */
  readonly provider: (name: string) => Provider | undefined;
  readonly clock: Clock;
  /** 0 to 1, spreads the attempts of replicas. */
  readonly random: () => number;
  readonly onEvent: (event: TellingEvent) => void;
}

export interface Telling extends UpstreamRevocations {
  /** Begins to look for what waits, left over from before a restart included. */
  start(): void;
  /** Attempts under way end early, and are made again by whoever is next. */
  close(): Promise<void>;
}

export function createTelling(parts: TellingParts, options: { readonly lookEveryMs?: number; readonly atOnceMs?: number } = {}): Telling {
  const { queue, provider: providerOf, clock, random, onEvent } = parts;
  const waits = { lookEveryMs, atOnceMs, ...options };
  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  const told = createTold();
  let timer: NodeJS.Timeout | undefined;

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const over = () => void underWay.delete(work);
    work.then(over, over);
    return work;
  }

  /** @returns false: it has to be told again. Never throws: what cannot be noted is taken again when its lease is over. */
  async function attempt(taken: TakenTelling): Promise<boolean> {
    const failure = await tell(taken).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const refused = hasReason(failure, "UPSTREAM_REJECTED_CLIENT");
    if (refused) onEvent({ kind: "refused", provider: taken.about.provider, failure });
    const heard = failure === undefined || refused;
    await (heard ? taken.done() : putOff(taken, failure)).catch(() => undefined);
    return heard;
  }

  async function tell({ about }: TakenTelling): Promise<void> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(attemptLimitMs)]);
    const provider = providerOf(about.provider);
    // It may come back with the next configuration.
    if (provider === undefined) throw new ExchangeError("PROVIDER_UNKNOWN");
    const { revoke } = await provider.prepare(signal);
    if (revoke === undefined) return onEvent({ kind: "no_endpoint", provider: about.provider });
    await revoke(about.token, about.hint, signal);
    told.add(about);
  }

  function putOff(taken: TakenTelling, failure: unknown): Promise<void> {
    // Not the provider's failure: another replica may take it at once.
    if (closing.signal.aborted) return taken.later(clock());
    const growing = Math.min(firstWaitMs * 2 ** Math.min(taken.attempts - 1, 20), longestWaitMs);
    const asked = failure instanceof ExchangeError ? (failure.retryAfterMs ?? 0) : 0;
    return taken.later(Math.ceil(clock() + Math.max(asked, growing * (0.75 + random() / 2))));
  }

  /** @returns true: there may be more whose time has come */
  async function workOff(): Promise<boolean> {
    const count = await queue.dropExpired();
    if (count > 0) onEvent({ kind: "expired", count });
    const due = await queue.takeDue(batchSize);
    const byProvider = Map.groupBy(due, ({ about }) => about.provider);
    await Promise.all([...byProvider.values()].map(workOffOne));
    return due.length === batchSize;
  }

  /** After one failure the provider is away: the others would only wait for it one after the other. */
  async function workOffOne(all: readonly TakenTelling[]): Promise<void> {
    let away = false;
    for (const taken of all) {
      if (away) await putOff(taken, undefined).catch(() => undefined);
      else away = !(await attempt(taken));
    }
  }

  async function look(): Promise<void> {
    const more = await workOff().catch(() => false);
    if (!closing.signal.aborted) timer = setTimeout(() => void track(look()), more ? 0 : waits.lookEveryMs);
  }

  return {
    async tell(about, signal) {
      if (told.has(about)) return false;
      const taken = await queue.add(about);
      if (taken === undefined) return true;
      if (underWay.size > maxAtOnce) {
        await taken.later(clock()).catch(() => undefined);
        return true;
      }
      const noLonger = AbortSignal.any([signal, AbortSignal.timeout(waits.atOnceMs)]);
      const heard = await waitFor(track(attempt(taken)), noLonger).catch(() => false);
      return !heard;
    },
    start: () => void track(look()),
    async close() {
      closing.abort();
      clearTimeout(timer);
      await Promise.all([...underWay].map((work) => work.catch(() => undefined)));
    },
  };
}

/** What the provider has heard, by hash; the oldest makes room. */
function createTold() {
  const names = new Set<string>();
  return {
    has: (about: About): boolean => names.has(toldName(about)),
    add(about: About): void {
      names.add(toldName(about));
      const [oldest = ""] = names;
      if (names.size > maxTold) names.delete(oldest);
    },
  };
}

function toldName({ provider, token }: About): string {
  return createHash("sha256")
    .update(JSON.stringify([provider, token.reveal()]))
    .digest("base64url");
}
